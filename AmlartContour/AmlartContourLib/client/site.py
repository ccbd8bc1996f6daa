"""Which backend this workstation uses: one on this computer, or the hospital's server.

The file `site.json` (0600) lies in the backend's home folder. A key in a file that others can read is
not used.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.diagnosis import ConnectionReport, check_connection
from AmlartContourLib.client.gpu import has_gpu
from AmlartContourLib.client.local_backend import LocalBackend, serve_command
from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.contract.home import require_private
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file

FILE = "site.json"
PYTHON_VARIABLE = "AMLART_BACKEND_PYTHON"
ENVIRONMENT = "environment"
MOST_BYTES = 1 << 16


class Place(Enum):
    """Where the backend is. Member names are written to site.json: never rename one."""

    LOCAL = "on this computer"
    SERVER = "the hospital's server"


class Compute(Enum):
    """What a backend on this computer computes with. Member names are written to site.json: never rename
    one."""

    GPU = "the GPU, where there is one"
    CPU = "the processor only"


@dataclass(frozen=True)
class Site(Message):
    """`url`, `key` and `ca_file` are those of a server, kept while the local backend is used; `compute` is
    that of the local one."""

    place: str = Place.LOCAL.name
    url: str = ""
    key: str = field(default="", repr=False)
    ca_file: str = ""
    compute: str = Compute.GPU.name

    @property
    def is_local(self) -> bool:
        """True where the backend is on this computer."""
        return self.place != Place.SERVER.name

    def devices(self) -> tuple[str, ...]:
        """For a backend on this computer, best first. Engines that need no GPU run on the processor still."""
        gpu = ("cuda:0",) if self.compute != Compute.CPU.name and has_gpu() else ()
        return (*gpu, "cpu")

    def address(self) -> BackendAddress:
        """Of the server. BadSetting where the URL is none, or no key is given."""
        if not self.key.strip():
            raise BadSetting(
                "No key of the hospital's server is set.", advice="Ask its administrator for one."
            )
        return BackendAddress(
            self.url.strip(), self.key.strip(), Path(self.ca_file) if self.ca_file else None
        )


def load_site(home: Path) -> Site:
    """What was chosen last; the local backend where nothing usable is there."""
    try:
        with (home / FILE).open("rb") as file:
            require_private(os.fstat(file.fileno()), FILE)
            return from_json(Site, file.read(MOST_BYTES))
    except (OSError, AmlartError):
        return Site()


def save_site(home: Path, site: Site) -> None:
    """Keeps a choice. ExportFailed where it cannot be written."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(home / FILE, to_json(site).encode("utf-8"), replace=True)
    os.chmod(home / FILE, 0o600)


def installed_python(home: Path) -> Path | None:
    """The Python of the backend's own environment: $AMLART_BACKEND_PYTHON, else the one that was installed
    into the home folder; None where there is none."""
    chosen = os.environ.get(PYTHON_VARIABLE)
    if chosen:
        return Path(chosen)
    python = environment_python(home)
    return python if python.is_file() else None


def environment_python(home: Path) -> Path:
    """Where the Python of an installed backend lies."""
    inner = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return home.joinpath(ENVIRONMENT, *inner)


class SiteBackend:
    """The backend of a site. `connect` may be called from any thread; the site is set from the face's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.site = load_site(home)

    def use(self, site: Site) -> None:
        """From now on this one, also after a restart."""
        save_site(self.home, site)
        self.site = site

    def connect(self) -> BackendClient:
        """A client; a local backend is started if need be. BackendUnreachable, or BadSetting where none is
        installed or the server's settings cannot be used."""
        return self.local().connect() if self.site.is_local else BackendClient(self.site.address())

    def local(self) -> LocalBackend:
        """The backend on this computer. BadSetting where none is installed. Off the window's thread: it looks
        for a GPU."""
        python = installed_python(self.home)
        if python is None:
            raise BadSetting(
                "The contouring backend is not installed on this computer.",
                advice='Choose "Install on this computer", or use the hospital\'s server.',
            )
        return LocalBackend(serve_command(python, self.site.devices()), self.home)

    def check(self) -> ConnectionReport:
        """Tests the connection. BadSetting, or BackendUnreachable where a local one does not start."""
        address = self.local().ensure() if self.site.is_local else self.site.address()
        return check_connection(address)
