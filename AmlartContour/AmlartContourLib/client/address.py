"""Where a backend is, with what token, and whose certificate to trust."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from AmlartContourLib.contract.errors import BadSetting

LOOPBACK = ("localhost", "::1")


@dataclass(frozen=True)
class BackendAddress:
    """A backend's URL and token. `ca_file` holds the certificate to trust instead of the system's.

    BadSetting where the URL is none of a backend, or would send scans over a network in the clear.
    """

    url: str
    token: str = field(repr=False)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            plain = not (parts.username or parts.password or parts.query or parts.fragment)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            plain = usable = False
        if not usable or not plain or parts.path not in ("", "/"):
            raise BadSetting(
                "The backend's address is not of the form https://name:port.",
                advice="Write for instance http://127.0.0.1:8642 or https://gpu.hospital.example:8642.",
            )
        if parts.scheme == "http" and not self.is_loopback:
            raise BadSetting(
                "An http:// address on another machine would send the scan and the token readable by others.",
                advice="Use https://, or a tunnel that ends on 127.0.0.1.",
            )

    @property
    def name(self) -> str:
        """The machine's name or number, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """True when the backend is on this machine."""
        return self.name in LOOPBACK or self.name.startswith("127.")

    def path(self, path: str) -> str:
        """The full URL of a path."""
        return self.url.rstrip("/") + path
