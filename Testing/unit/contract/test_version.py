from __future__ import annotations

import tomllib

from AmlartContourLib.contract.version import VERSION
from support.source_tree import ROOT


def test_the_version_in_files_is_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
