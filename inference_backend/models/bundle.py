"""A bundle's files, checked: what they are must be what the manifest says, to the last byte.

Hashes are worked out once for each state of a file (its modification time, identity and length) and again
when that changes. Nothing is downloaded, and nothing but safetensors is loaded: no pickle, so no code.
"""

from __future__ import annotations

import hashlib
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from AmlartContourLib.contract.errors import DamagedFile
from inference_backend.models.manifest import BundleFile, Manifest, read_manifest

if TYPE_CHECKING:
    from torch import Tensor, nn

CHUNK = 1 << 20
COPY_AGAIN = "Copy the whole bundle again."
State = tuple[str, int, int, int]

_hashes: dict[State, str] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Bundle:
    """A folder and its manifest. `open_bundle` makes it; no file but the manifest has been read then."""

    folder: Path
    manifest: Manifest

    def first_missing(self) -> str | None:
        """Why the files cannot be what the manifest says, in words; None where all are there with their
        length."""
        return first_missing(self.folder, self.manifest.files)

    def read(self, file: BundleFile) -> bytes:
        """A file's content. DamagedFile unless it is there with the manifest's length and hash."""
        return verified(self.folder, file).read_bytes()

    def network(self, member: int) -> nn.Module:
        """One member with its weights, on the CPU, not training. DamagedFile where they do not fit."""
        from inference_backend.models.networks import build

        weights = self.manifest.members[member]
        tensors = tensors_of(self.folder, weights)
        choice = self.manifest.network
        module = build(choice.name, 1, len(self.manifest.structures), choice.arguments)
        try:
            module.load_state_dict(tensors, strict=True)
        except RuntimeError as error:
            raise _damaged(
                f"The weights {weights.file} do not fit the network {choice.name} of the manifest."
            ) from error
        return module.eval().requires_grad_(False)


def open_bundle(folder: Path) -> Bundle:
    """A bundle. DamagedFile or TooLarge where its manifest cannot be used."""
    return Bundle(folder, read_manifest(folder))


def first_missing(folder: Path, files: Iterable[BundleFile]) -> str | None:
    """Which of the files is not there with its length, in words; None where all are."""
    for file in files:
        try:
            state = (folder / file.file).lstat()
        except OSError:
            return f"{file.file} is missing."
        if not stat.S_ISREG(state.st_mode):
            return f"{file.file} is a link or no file."
        if state.st_size != file.bytes:
            return f"{file.file} has {state.st_size} bytes instead of {file.bytes}."
    return None


def verified(folder: Path, file: BundleFile) -> Path:
    """The path of a file that is what the manifest says. DamagedFile, naming the file, where it is not."""
    path = folder / file.file
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            raise _damaged(f"{file.file} of the bundle {folder.name} is a link or no file.")
        if state.st_size != file.bytes:
            raise _damaged(
                f"{file.file} of the bundle {folder.name} has {state.st_size} bytes instead of {file.bytes}."
            )
        found = _hash(path, (str(path), state.st_mtime_ns, state.st_ino, state.st_size))
    except OSError as error:
        raise _damaged(
            f"{file.file} of the bundle {folder.name} cannot be read ({error.strerror})."
        ) from error
    if found != file.sha256:
        raise _damaged(f"{file.file} of the bundle {folder.name} has another content than its manifest says.")
    return path


def tensors_of(folder: Path, weights: BundleFile) -> dict[str, Tensor]:
    """The tensors of a weights file, on the CPU. DamagedFile where it is another than its description says,
    or no safetensors."""
    import safetensors.torch
    from safetensors import SafetensorError

    path = verified(folder, weights)
    try:
        found: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(f"The weights {weights.file} are no safetensors file.") from error
    return found


def file_in_bundle(path: Path) -> BundleFile:
    """A file's name, hash and length, for a manifest."""
    digest = _digest(path)
    return BundleFile(path.name, digest, path.stat().st_size)


def forget_hashes() -> None:
    """Every file is read again the next time it is asked for, whatever its state says."""
    with _lock:
        _hashes.clear()


def _hash(path: Path, state: State) -> str:
    with _lock:
        known = _hashes.get(state)
    if known is not None:
        return known
    digest = _digest(path)
    with _lock:
        _hashes[state] = digest
    return digest


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _damaged(what: str) -> DamagedFile:
    return DamagedFile(what, kept="Nothing was loaded.", advice=COPY_AGAIN)
