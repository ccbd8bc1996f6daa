"""A bundle's files: what they are must be what the manifest says."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from inference_backend.models.bundle import Bundle, file_in_bundle, open_bundle
from inference_backend.models.manifest import MANIFEST_FILE, NetworkChoice
from inference_backend.models.store import EMBEDDED_FOLDER, EMBEDDED_ID, bundle_folder, own_bundles
from support.bundles import threshold_network, write_bundle

WEIGHTS = "member-1.safetensors"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    folder = tmp_path / "rule"
    write_bundle(folder, ("bladder",), [threshold_network((100.0,), 1.0)])
    return open_bundle(folder)


def _flip_a_byte(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_weights_come_back_as_they_were_saved(bundle: Bundle) -> None:
    network = bundle.network(0)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    hu = torch.tensor([-300.0, 99.0, 101.0, 900.0]).repeat(4, 4, 1) / 1000
    said = network(hu[None, None])[0, 0, 0, 0]
    torch.testing.assert_close(said, torch.tensor([-0.4, -0.001, 0.001, 0.8]), atol=1e-5, rtol=0)


def test_a_missing_file_is_named(bundle: Bundle) -> None:
    (bundle.folder / WEIGHTS).unlink()
    assert bundle.first_missing() == f"{WEIGHTS} is missing."
    with pytest.raises(DamagedFile, match=WEIGHTS):
        bundle.network(0)


def test_one_wrong_bit_is_found_by_the_hash(bundle: Bundle) -> None:
    _flip_a_byte(bundle.folder / WEIGHTS, -1)
    assert bundle.first_missing() is None
    with pytest.raises(DamagedFile, match="another content") as refused:
        bundle.network(0)
    assert "Copy the whole bundle again" in refused.value.advice


def test_a_file_changed_after_it_was_checked_is_checked_again(bundle: Bundle) -> None:
    bundle.network(0)
    path = bundle.folder / WEIGHTS
    _flip_a_byte(path, -1)
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    with pytest.raises(DamagedFile, match="another content"):
        bundle.network(0)


def test_a_truncated_file_is_told_by_its_length(bundle: Bundle) -> None:
    path = bundle.folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-7])
    assert "bytes instead of" in (bundle.first_missing() or "")
    with pytest.raises(DamagedFile, match="bytes instead of"):
        bundle.network(0)


def test_a_link_is_not_followed(bundle: Bundle, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (bundle.folder / WEIGHTS).rename(elsewhere)
    (bundle.folder / WEIGHTS).symlink_to(elsewhere)
    assert bundle.first_missing() == f"{WEIGHTS} is a link or no file."
    with pytest.raises(DamagedFile, match="link"):
        bundle.network(0)


@pytest.mark.parametrize("content", [b"\x80\x04K\x01." * 20, b"\0" * 64, b"{}" * 40])
def test_what_is_no_safetensors_is_never_loaded(bundle: Bundle, content: bytes) -> None:
    path = bundle.folder / WEIGHTS
    path.write_bytes(content)
    manifest = replace(bundle.manifest, members=(file_in_bundle(path),))
    with pytest.raises(DamagedFile, match="no safetensors"):
        Bundle(bundle.folder, manifest).network(0)


@pytest.mark.parametrize(
    "changes",
    [
        {"structures": ("bladder", "uterus")},
        {"network": NetworkChoice("attention_residual_unet", {"channels": [2, 4]})},
        {"network": NetworkChoice("attention_residual_unet", {"channels": [2, 2, 2]})},
    ],
    ids=["more structures", "wider", "deeper"],
)
def test_weights_of_another_shape_are_refused(bundle: Bundle, changes: dict[str, object]) -> None:
    with pytest.raises(DamagedFile, match="do not fit"):
        Bundle(bundle.folder, replace(bundle.manifest, **changes)).network(0)


def test_a_network_that_is_not_listed_is_refused(bundle: Bundle) -> None:
    manifest = replace(bundle.manifest, network=NetworkChoice("os.system", {}))
    with pytest.raises(BadSetting, match=r"os\.system"):
        Bundle(bundle.folder, manifest).network(0)


def test_own_bundles_are_the_folders_with_a_manifest(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert own_bundles(tmp_path) == ()
    for name in ("b", "a", "no manifest", EMBEDDED_ID):
        (models / name).mkdir(parents=True)
        (models / name / MANIFEST_FILE).write_text("{}")
    (models / "empty").mkdir()
    (models / "link").symlink_to(models / "a")
    assert own_bundles(tmp_path) == ("a", "b")
    assert bundle_folder("a", tmp_path) == models / "a"
    assert bundle_folder(EMBEDDED_ID, tmp_path) == EMBEDDED_FOLDER


def test_reading_a_manifest_imports_nothing_heavy(bundle: Bundle) -> None:
    code = (
        "import sys; from pathlib import Path; from inference_backend.models.bundle import open_bundle; "
        f"b = open_bundle(Path({str(bundle.folder)!r})); b.first_missing(); "
        "print([m for m in ('torch', 'numpy', 'scipy', 'SimpleITK', 'safetensors') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
