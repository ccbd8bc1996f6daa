"""A pickle that is a program: what a planted checkpoint carries."""

from __future__ import annotations

import os
from pathlib import Path


class Hostile:
    """Makes a folder where it is unpickled without restraint, so a test can see whether it ran."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.made),)
