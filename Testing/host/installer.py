"""In place of `uv`, which needs the network: it makes an environment whose Python is this process's own.

So the backend that is started from it is a real one.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

UV = """#!/bin/sh
echo "$1" >> {log}
if [ "$1" = venv ] && [ -f {no_python} ] && [ "$3" = 3.12 ]; then
  echo "cause: no answer from https://github.com/astral-sh"; exit 2
fi
if [ "$1" = venv ]; then
  mkdir -p "$4/bin"; printf '#!/bin/sh\\nexec {python} "$@"\\n' > "$4/bin/python"; chmod +x "$4/bin/python"
fi
if [ "$1" = pip ]; then
  echo "Fetching torch"
  while [ -f {hold} ]; do sleep 0.02; done
  if [ -f {broken} ]; then
    echo "failed to fetch https://download.pytorch.org/whl/cpu/torch/"; echo "cause: no such name"; exit 2
  fi
fi
"""


@dataclass(frozen=True)
class Installer:
    """The stand-in's files: while `hold` is there it waits, while `broken` is there it fails, while
    `no_python` is there no Python can be fetched."""

    home: Path
    hold: Path
    broken: Path
    no_python: Path
    log: Path

    @property
    def asked(self) -> list[str]:
        """What it was asked to do, in order."""
        return self.log.read_text(encoding="utf-8").split()


def put_installer(folder: Path) -> Installer:
    """Where an earlier run of the installation would have left `uv`, in `folder`/home."""
    made = Installer(folder / "home", *(folder / name for name in ("hold", "broken", "no_python", "log")))
    made.home.mkdir(mode=0o700)
    uv = made.home / "tools" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    text = UV.format(
        log=made.log,
        hold=made.hold,
        broken=made.broken,
        no_python=made.no_python,
        python=sys.executable,
    )
    uv.write_text(text, encoding="utf-8")
    uv.chmod(0o755)
    return made
