"""Backends for the tests: one shared by those that leave it as they found it, fresh ones for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from AmlartContourLib.client.backend import BackendClient
from support.backend_process import BackendProcess


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """A backend with one device, in a folder whose name has spaces and letters beyond ASCII."""
    backend = BackendProcess(tmp_path_factory.mktemp("b") / "Ünïcode höme of Lékař").start()
    yield backend
    backend.stop()


@pytest.fixture
def client(shared: BackendProcess) -> Iterator[BackendClient]:
    """A client of the shared backend."""
    client = shared.client()
    yield client
    client.close()


@pytest.fixture
def new_backend(tmp_path: Path) -> Iterator[Callable[..., BackendProcess]]:
    """Starts backends that end with the test."""
    started: list[BackendProcess] = []

    def start(name: str = "home", **settings: Any) -> BackendProcess:
        started.append(BackendProcess(tmp_path / name, settings))
        return started[-1].start()

    yield start
    for backend in started:
        backend.stop()
