"""A checkpoint is read without running what it may carry."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from inference_backend.models import restricted as module
from inference_backend.nnunet.checkpoint import read_checkpoint
from support.hostile import Hostile
from support.nnunet_folders import Folder, make_folder, with_copies, write_checkpoint


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A checkpoint as nnU-Net writes it."""
    return make_folder(tmp_path / "trained", Folder()) / "fold_0" / "checkpoint_final.pth"


def test_every_tensor_is_read_once_with_what_was_trained(made: Path) -> None:
    found = read_checkpoint(made)
    assert (found.configuration, found.trainer, found.mirrors) == ("3d_fullres", "nnUNetTrainer", (0, 1, 2))
    assert not [name for name in found.weights if "all_modules" in name or "decoder.encoder" in name]
    saved = torch.load(made, weights_only=False)["network_weights"]
    assert len(saved) > len(found.weights)
    assert all(torch.equal(saved[name], tensor) for name, tensor in found.weights.items())
    assert set(with_copies(dict(found.weights))) == set(saved)


def test_names_of_parallel_and_compiled_training_are_plain_again(made: Path) -> None:
    data = torch.load(made, weights_only=False)
    plain = read_checkpoint(made).weights
    data["network_weights"] = {f"module._orig_mod.{n}": t for n, t in data["network_weights"].items()}
    torch.save(data, made)
    assert set(read_checkpoint(made).weights) == set(plain)


def test_a_planted_command_is_refused_and_not_run(made: Path, tmp_path: Path) -> None:
    proof = tmp_path / "it ran"
    torch.save({**torch.load(made, weights_only=False), "extra": Hostile(proof)}, made)
    with pytest.raises(DamagedFile, match="would run code"):
        read_checkpoint(made)
    assert not proof.exists()
    torch.load(made, weights_only=False)  # the test can fail: a plain load runs it
    assert proof.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"weights", b"\x80\x02}q\x00."], ids=repr)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint_final.pth"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"checkpoint_final\.pth"):
        read_checkpoint(path)


def test_a_truncated_checkpoint_is_refused(made: Path) -> None:
    made.write_bytes(made.read_bytes()[:-2000])
    with pytest.raises(DamagedFile, match=r"checkpoint_final\.pth"):
        read_checkpoint(made)


@pytest.mark.parametrize("lost", ["network_weights", "init_args"])
def test_a_checkpoint_of_another_program_is_refused(made: Path, lost: str) -> None:
    data = torch.load(made, weights_only=False)
    del data[lost]
    torch.save(data, made)
    with pytest.raises(DamagedFile, match=r"no checkpoint of nnU-Net v2"):
        read_checkpoint(made)


def test_weights_that_are_no_tensors_and_mirrors_that_are_no_axes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(DamagedFile):
        read_checkpoint(write_checkpoint(tmp_path / "f", "0", {"a": 1.0}, Folder()))  # type: ignore[dict-item]
    with pytest.raises(DamagedFile, match="axis"):
        read_checkpoint(
            write_checkpoint(tmp_path / "f", "1", {"a": torch.zeros(1)}, Folder(mirrors=(0, 1, 5)))  # type: ignore[arg-type]
        )


def test_one_that_would_unpack_to_more_than_is_read_is_refused(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = made.with_name("bomb.pth")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(4 << 20))
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 20)
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(TooLarge):
        read_checkpoint(bomb)
