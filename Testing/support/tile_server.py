"""A real backend process that also offers the test engine: `python -m support.tile_server JSON`, or with the
options that a client starting its own backend gives. The test engines are given in code here, which is the
only way in: no request, file or variable can add one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from inference_backend.engines.registry import EngineEntry, Registry, listed
from inference_backend.server.serving import serve
from inference_backend.server.settings import Limits, Settings

KINDS = (
    "plain",
    "pause=0.01",
    "pause=0.05",
    "pause=1",
    "pause=0.2,deaf",
    "load=5",
    "dies",
    "eats",
    "silent",
    "wrong",
    "noisy",
    "wrong-grid",
    "gone",
    "cuda",
    "needs",
    "memory=50000000",
    "memory=60000000",
)
ECHO = EngineEntry("echo", "support.echo_engine:EchoEngine")
FIXES = tuple(
    EngineEntry(f"fix-{way}", f"support.fix_engine:FixEngine({way})") for way in ("fills", "strays", "waits")
)
BRIGHT = tuple(
    EngineEntry(f"bright-{hu}", f"support.bright_engine:BrightEngine({hu})") for hu in (20, 40, 90)
)
BROKEN = (
    EngineEntry("no-such-library", "no_such_library.engine:Engine"),
    EngineEntry("bad", "support.shapes:Nobody"),
)


def registry(home: Path) -> Registry:
    """The product's engines, the bundles in the backend's folder, and the test ones."""
    tiles = (EngineEntry(_id(words), f"support.tile_engine:TileEngine({words})") for words in KINDS)
    return Registry((*listed(home), *tiles, ECHO, *FIXES, *BRIGHT, *BROKEN))


def _id(words: str) -> str:
    return "tiles-" + words.replace(",", "-").replace("=", ".")


def main() -> None:
    """One JSON object of settings; "limits" holds those of `Limits` that differ."""
    if sys.argv[1].startswith("{"):
        given = json.loads(sys.argv[1])
    else:  # as LocalBackend calls it: --home HOME
        given = {"managed": True, "port": 0, "home": sys.argv[sys.argv.index("--home") + 1]}
    paths = {name: Path(given[name]) for name in ("home", "tls_cert", "tls_key") if name in given}
    limits = Limits(**{"free_disk_bytes": 1 << 20, **given.pop("limits", {})})
    lists = {name: tuple(given[name]) for name in ("devices", "more_hosts") if name in given}
    serve(Settings(**{**given, **paths, **lists, "limits": limits}), registry(paths["home"]))


if __name__ == "__main__":
    main()
