"""A few-shot model as an engine, with the real network of universeg: what it gives, and what keeps it."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from AmlartContourLib.contract.errors import AmlartError, BadSetting, DamagedFile, InputRefused
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from inference_backend.engines.registry import Registry, listed
from inference_backend.engines.universeg import UniverSegEngine
from inference_backend.few_shot.adding import add_few_shot
from inference_backend.few_shot.description import FEW_SHOT_FILE, MEND
from inference_backend.models.licences import ACCEPTED_FILE
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.store import bundle_folder, own_packs
from inference_backend.models.wish import Wish
from support.box_cohort import box_patient, write_box_cohort
from support.few_shot_models import LICENCE, add_model, write_weights
from support.hostile import Hostile

WISH = Wish("few", LICENCE, "Few-shot", research_only=True)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def contoured(patient: int, wanted: tuple[str, ...] = ("bladder",)) -> Contours:
    """A patient who is none of the examples."""
    engine = UniverSegEngine("few")
    engine.load("cpu")
    scan, __ = box_patient(patient)
    return engine.contour(scan, wanted, lambda _f, _s: None, lambda: False, StructureSet(scan.geometry))


@pytest.mark.slow
def test_the_real_network_runs_the_whole_way_and_says_what_it_was_shown(tmp_path: Path) -> None:
    add_model(tmp_path)
    found = contoured(40)
    mask = found.masks.mask("bladder")
    assert 0 < mask.voxel_count < mask.to_array().size
    assert found.findings[0] == f"The licence of this model ({LICENCE}) forbids commercial use."
    assert "up to 4 slices at once" in found.findings[1]
    assert found.findings[1].endswith(" of 3.")
    assert "case-00" not in " ".join(found.findings), "the name of another patient's folder"
    assert found.spread["bladder"].members == 3
    assert contoured(40).masks.mask("bladder").same_voxels(mask)


def test_it_is_listed_with_its_terms_and_does_not_run_before_they_are_accepted(tmp_path: Path) -> None:
    model = add_model(tmp_path, accepted=False)
    info = Registry(listed()).info("few")
    assert info is not None
    assert info.gives == ("bladder", "anorectum") == model.structures
    assert info.licence == "OpenRAIL++-M (no commercial use)"
    assert (info.available, info.mend) == (False, "amlart models accept few")
    with pytest.raises(BadSetting, match="accepted"):
        UniverSegEngine("few").load("cpu")
    assert fault_of(bundle_folder("few")) == ""


def test_a_missing_library_is_told_with_the_one_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(tmp_path)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "universeg" else real(n, *a))
    info = UniverSegEngine("few").describe()
    assert (info.reason, info.mend) == ("universeg is not installed.", MEND)
    monkeypatch.setitem(sys.modules, "universeg.model", None)
    with pytest.raises(BadSetting, match="universeg is not installed"):
        add_few_shot(
            tmp_path / "universeg.pt", tmp_path / "cohort", ("bladder",), 4, WISH, lambda _f, _s: None
        )


@pytest.mark.parametrize("name", ["weights.safetensors", "example-002.safetensors"])
def test_a_changed_file_is_refused_before_it_is_used(tmp_path: Path, name: str) -> None:
    add_model(tmp_path)
    path = bundle_folder("few") / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="another content"):
        UniverSegEngine("few").load("cpu")
    assert "another content" in fault_of(bundle_folder("few"))
    path.unlink()
    assert UniverSegEngine("few").describe().reason == f"{name} is missing."


def test_a_description_that_was_changed_asks_for_the_licence_again(tmp_path: Path) -> None:
    add_model(tmp_path)
    path = bundle_folder("few") / FEW_SHOT_FILE
    path.write_text(path.read_text().replace('"support_size": 4', '"support_size": 5'))
    assert "not been accepted" in UniverSegEngine("few").describe().reason
    (bundle_folder("few") / ACCEPTED_FILE).unlink()
    path.write_text(path.read_text().replace('"support_size": 5', '"support_size": 81'))
    with pytest.raises(DamagedFile, match="1 to 80 examples"):
        UniverSegEngine("few").describe()


def test_what_is_not_weights_of_this_network_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    cohort = write_box_cohort(tmp_path / "cohort", 1)
    good = torch.load(write_weights(tmp_path / "good.pt"), weights_only=True)
    bad: dict[str, tuple[object, type[AmlartError]]] = {
        "hostile": (Hostile(tmp_path / "ran"), DamagedFile),
        "another network": ({"conv.weight": torch.zeros(1)}, DamagedFile),
        "no tensors": ({"a": 1}, DamagedFile),
        "a tensor too few": ({k: v for k, v in good.items() if "out_conv" not in k}, DamagedFile),
    }
    for name, (data, kind) in bad.items():
        path = tmp_path / f"{name}.pt"
        torch.save(data, path)
        with pytest.raises(kind):
            add_few_shot(path, cohort, ("bladder",), 4, WISH, lambda _f, _s: None)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(BadSetting, match="No case can be an example"):
        add_few_shot(tmp_path / "good.pt", cohort, ("uterus",), 4, WISH, lambda _f, _s: None)
    with pytest.raises(InputRefused):
        add_few_shot(
            tmp_path / "good.pt",
            cohort,
            ("bladder",),
            4,
            replace(WISH, licence_file=tmp_path / "none"),
            lambda _f, _s: None,
        )
    assert own_packs() == ()


def test_examples_keep_what_they_were_to_half_a_voxel_of_the_cube(tmp_path: Path) -> None:
    from inference_backend.few_shot.cube import cube_of
    from inference_backend.few_shot.examples import read_example
    from inference_backend.inference.back_sampling import mask_above

    model = add_model(tmp_path, cases=1)
    kept = read_example(bundle_folder("few") / model.examples[0].file.file, model.examples[0].structures)
    scan, truth = box_patient(0)
    cube = cube_of(scan)
    assert np.abs(kept.hu_kji - cube.hu_kji).max() <= 0.5
    from inference_backend.few_shot.contouring import WHOLE

    back = mask_above(kept.labels_kji["bladder"].astype(np.float32), WHOLE, cube.grid, scan.geometry)
    assert back.same_voxels(truth.mask("bladder"))
