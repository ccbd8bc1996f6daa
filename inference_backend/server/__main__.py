"""A backend for the program that starts it: `python -m inference_backend.server --home FOLDER`.

It imports nothing that the command line needs, takes any free port, ends when it is asked over the wire, and
by itself when that program has gone. People use `amlart serve`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError
from inference_backend.engines.registry import Registry, listed
from inference_backend.server.serving import serve
from inference_backend.server.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Runs until it ends; 0, or 2 where it was refused, with one line on standard error that says why."""
    parser = argparse.ArgumentParser(prog="inference_backend.server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--device", action="append", default=[])
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    try:
        devices = tuple(given.device) or ("cpu",)
        serve(Settings(home=given.home, port=0, devices=devices, managed=True), Registry(listed(given.home)))
    except AmlartError as error:
        sys.stderr.write(f"Refused: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
