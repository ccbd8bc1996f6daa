"""The private files by which a client finds the backend of its own machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import (
    HOME_VARIABLE,
    RUNNING_FILE,
    TOKENS_FILE,
    RunningBackend,
    default_home,
    parse_tokens,
    read_local_token,
    read_running,
)
from AmlartContourLib.contract.strict_json import to_json

RUNNING = RunningBackend(123, "http://127.0.0.1:1", "x", False)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_a_private_file_is_read_and_an_open_one_is_not(tmp_path: Path) -> None:
    assert read_running(tmp_path) is None
    write(tmp_path / RUNNING_FILE, to_json(RUNNING))
    assert read_running(tmp_path) == RUNNING
    for mode in (0o640, 0o604, 0o660, 0o622):
        (tmp_path / RUNNING_FILE).chmod(mode)
        assert read_running(tmp_path) is None


def test_a_damaged_file_is_none() -> None:
    with pytest.raises(BadSetting):
        parse_tokens("local")
    with pytest.raises(BadSetting):
        parse_tokens("local a\nlocal b\n")


def test_the_local_token_is_the_one_of_that_name(tmp_path: Path) -> None:
    assert read_local_token(tmp_path) is None
    write(tmp_path / TOKENS_FILE, "colleague abc\n\nlocal xyz\n")
    assert read_local_token(tmp_path) == "xyz"
    write(tmp_path / TOKENS_FILE, "nonsense")
    assert read_local_token(tmp_path) is None
    write(tmp_path / RUNNING_FILE, "{}")
    assert read_running(tmp_path) is None


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "é ü"))
    assert default_home() == tmp_path / "é ü"
    monkeypatch.delenv(HOME_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_home().is_relative_to(tmp_path)
