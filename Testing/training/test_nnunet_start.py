"""What nnU-Net is given: labels that overlap, one order of axes, and weights of others without their code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from AmlartContourLib.contract.strict_json import to_json
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.volume_file import read_volume
from inference_backend.dataset.cohort import Cohort, open_cohort
from inference_backend.dataset.cohort_out import write_case
from inference_backend.dataset.layout import Form
from inference_backend.dataset.splits import Splits, write_splits
from inference_backend.nnunet.architecture import architecture_of
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.labels import labels_of_dataset
from inference_backend.nnunet.unet import NnUNet
from inference_backend.training.cohort_recipe import Labels
from inference_backend.training.nnunet.inside.filling import fill
from inference_backend.training.nnunet.plan import plan_nnunet
from inference_backend.training.nnunet.raw import data_sets, dataset_json, write_raw
from inference_backend.training.nnunet.recipe import OWN_TRAINER, STOCK_TRAINER, read_nnunet_recipe
from inference_backend.training.nnunet.start import read_source, write_start
from support.amlart import amlart
from support.nnunet_folders import CONFIGURATION, Folder, make_folder, plans_and_dataset
from support.nnunet_training import PYTHON

PAIR = ("bladder", "uterus")
SCRATCH, FINE = read_nnunet_recipe(None, started=False), read_nnunet_recipe(None, started=True)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Two patients whose slices run from head to foot; the second has no uterus."""
    direction = np.diag([1.0, -1.0, -1.0])
    geometry = Geometry.from_matrix((6, 5, 4), (1.0, 1.0, 3.0), (0, 0, 0), direction)
    bladder, uterus = (np.zeros(geometry.shape_kji, dtype=bool) for _ in range(2))
    bladder[:2, :3, :3], uterus[1:3, 2:4, 2:4] = True, True
    masks = [
        Contour(name, Mask.from_array(array, geometry), Source.DRAWN)
        for name, array in zip(PAIR, (bladder, uterus), strict=True)
    ]
    hu = 10 * np.arange(-60, 60, dtype=np.int16).reshape(bladder.shape)
    for name, kept in (("a", masks), ("b", masks[:1])):
        write_case(
            tmp_path / "cohort", Form.FOLDERS, name, CtScan(hu, geometry), StructureSet.of(geometry, kept)
        )
    return open_cohort(tmp_path / "cohort")


def _written(cohort: Cohort, raw: Path, groups: tuple[tuple[str, ...], ...], told: list[str]) -> None:
    write_raw(raw, cohort, ["a", "b"], data_sets(groups), Axes("LPS"), told.append)


def test_both_structures_of_a_voxel_are_in_its_label_and_nnunet_reads_them_as_regions(
    cohort: Cohort, tmp_path: Path
) -> None:
    _written(cohort, tmp_path / "raw", (PAIR,), told := [])
    assert "b is left out of Dataset001_regions: it has no label of uterus." in told
    folder = tmp_path / "raw" / "Dataset001_regions"
    dataset = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    labels, _ = read_volume(folder / "labelsTr" / "a.nii.gz")
    for structure, voxels in zip(PAIR, (18, 8), strict=True):
        assert np.isin(labels, dataset["labels"][structure]).sum() == voxels
    assert (labels == 3).sum() == 1
    assert labels_of_dataset(dataset).channel_of == {"bladder": 0, "uterus": 1}
    assert dataset["numTraining"] == 1


def test_images_are_turned_to_one_order_of_axes_with_their_labels(cohort: Cohort, tmp_path: Path) -> None:
    _written(cohort, tmp_path / "raw", (("bladder",), ("uterus",)), [])
    folder = tmp_path / "raw" / "Dataset001_bladder"
    hu, geometry = read_volume(folder / "imagesTr" / "a_0000.nii.gz")
    assert np.allclose(geometry.direction_matrix, np.eye(3))
    assert hu[-1, -1, 0] == -600
    labels, _ = read_volume(folder / "labelsTr" / "a.nii.gz")
    assert labels[-2:, -3:, :3].all()
    assert labels.sum() == 18
    other = tmp_path / "raw" / "Dataset002_uterus" / "imagesTr" / "a_0000.nii.gz"
    assert other.samefile(folder / "imagesTr" / "a_0000.nii.gz")


def test_a_structure_that_no_case_has_is_refused_and_nothing_is_left(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="vagina"):
        _written(cohort, tmp_path / "raw", (("bladder",), ("vagina",)), [])
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("target", [("uterus",), ("vagina", "bladder")])
@pytest.mark.parametrize("regions", [False, True])
def test_a_shared_structure_is_drawn_as_by_the_source_before_anything_is_learnt(
    target: tuple[str, ...], regions: bool, tmp_path: Path
) -> None:
    what = Folder(labels={"background": 0, "urinary_bladder": 1, "uterus": 2}, seed=3)
    if regions:
        what = replace(what, labels={"background": 0, "Bladder": [1, 2], "Uterus": [2]}, region_order=(1, 2))
    make_folder(tmp_path / "source", what)
    source = read_source(tmp_path / "source", CONFIGURATION, "LPS", None)
    shared = write_start(tmp_path / "start.pt", source, target)
    assert shared == tuple(name for name in target if name != "vagina")
    plans, _ = plans_and_dataset(what)
    built = architecture_of(plans["configurations"][CONFIGURATION])
    old = NnUNet(built, 1, source.labels.channels)
    old.load_state_dict(source.weights)
    new = NnUNet(built, 1, labels_of_dataset(dataset_json(target, 1)).channels)
    fill(new, str(tmp_path / "start.pt"))
    picture = torch.randn(1, 1, 24, 24, 24, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, after = old(picture), new(picture)
    row = source.rows[shared[0]]
    against = torch.zeros_like(before[:, 0]) if regions else before[:, 0]
    expected = before[:, row] - against
    found = after[:, 1] if len(target) > 1 else after[:, 1] - after[:, 0]
    assert torch.allclose(found, expected, atol=1e-3 * float(expected.abs().max()))


def test_weights_whose_body_does_not_fit_are_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "source", Folder())
    source = read_source(tmp_path / "source", CONFIGURATION, "LPS", None)
    write_start(tmp_path / "start.pt", source, PAIR)
    plans, _ = plans_and_dataset(Folder(kind="ResidualEncoderUNet"))
    other = NnUNet(architecture_of(plans["configurations"][CONFIGURATION]), 1, 2)
    with pytest.raises(RuntimeError, match="do not fit"):
        fill(other, str(tmp_path / "start.pt"))


def test_a_checkpoint_that_carries_a_program_is_never_handed_to_nnunet(tmp_path: Path) -> None:
    make_folder(tmp_path / "source", Folder())
    torch.save(
        {"network_weights": {}, "evil": print}, tmp_path / "source" / "fold_0" / "checkpoint_final.pth"
    )
    with pytest.raises(DamagedFile, match="would run code"):
        read_source(tmp_path / "source", CONFIGURATION, "LPS", None)


def test_weights_without_axes_or_of_another_configuration_are_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "source", Folder())
    with pytest.raises(BadSetting, match="--axes"):
        read_source(tmp_path / "source", CONFIGURATION, None, None)
    with pytest.raises(BadSetting, match="3d_lowres"):
        read_source(tmp_path / "source", "3d_lowres", "LPS", None)


def test_images_lie_as_those_that_the_weights_learnt_from(tmp_path: Path) -> None:
    named = tmp_path / "Dataset291_TotalSegmentator_part1_organs_1559subj"
    make_folder(named / "nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres", Folder(old_plans=True))
    source = read_source(named, CONFIGURATION, None, None)
    plan = plan_nnunet(tmp_path / "run", Splits(1, (("a",), ("b",)), ()), replace(FINE, folds=(0,)), source)
    assert plan.axes.letters == "RAS"
    assert source.told.licence.startswith("Apache-2.0")


def test_the_recipes_are_those_of_the_sources() -> None:
    assert SCRATCH.trainer(started=False) == STOCK_TRAINER
    assert (SCRATCH.planner, SCRATCH.labels) == ("nnUNetPlannerResEncL", Labels.ONE_EACH)
    assert len(SCRATCH.groups) == 7
    assert FINE.learning_rate == SCRATCH.learning_rate / 10
    assert FINE.trainer(started=True) == OWN_TRAINER


def test_gpus_that_are_not_there_are_refused_before_anything_is_written(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PYTHON, str(tmp_path / "none"))
    write_splits(tmp_path / "splits.json", Splits(1, (("a",), ("b",)), ()))
    words = ["train", "nnunet", cohort.root, "--splits", tmp_path / "splits.json", "--run", tmp_path / "run"]
    ran = amlart(*words, "--id", "own", "--gpus", "64")
    assert (ran.code, "names no interpreter" in ran.err) == (2, True)
    (tmp_path / "none").touch()
    ran = amlart(*words, "--id", "own", "--gpus", "64")
    assert ran.code == 2
    assert "64 are asked for" in ran.err
    assert not (tmp_path / "run").exists()


def test_weights_of_an_unknown_licence_are_not_learnt_from_unsaid(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PYTHON, str(make_folder(tmp_path / "source", Folder()) / "plans.json"))
    write_splits(tmp_path / "splits.json", Splits(1, (("a",), ("b",)), ()))
    (tmp_path / "recipe.json").write_text(to_json(replace(FINE, folds=(0,))), encoding="utf-8")
    words = ["train", "nnunet", cohort.root, "--splits", tmp_path / "splits.json", "--run", tmp_path / "run"]
    words += ["--id", "own", "--recipe", tmp_path / "recipe.json", "--start", tmp_path / "source"]
    ran = amlart(*words, "--axes", "LPS")
    assert ran.code == 2
    assert "The licence of source is not told" in ran.err
    assert not (tmp_path / "run" / "raw").exists()


def test_a_recipe_with_more_structures_than_bits_is_refused(tmp_path: Path) -> None:
    plain = json.loads(to_json(FINE)) | {"structures": [*FINE.structures, "femur_left", "femur_right"]}
    (tmp_path / "recipe.json").write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(DamagedFile, match="at most 8"):
        read_nnunet_recipe(tmp_path / "recipe.json", started=True)
