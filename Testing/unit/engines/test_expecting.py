"""Expected editing of added models: three folds that are known rules, on scans whose truth is known.

HU rise evenly through each block, more steeply in some. Folds draw above 60, 100 and 140 HU, the truth begins
at 70 or 130: so the flatter a block, the farther the folds lie apart, and the more is to be edited.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.measures.comparison import compare
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.cohort_out import finish, write_case
from inference_backend.dataset.layout import Form
from inference_backend.dataset.splits import Splits, write_splits
from inference_backend.engines.expecting import CALIBRATION_FILE
from inference_backend.engines.nnunet_folder import NnUNetFolderEngine
from inference_backend.inference.assessment import NOT_CALIBRATED
from inference_backend.inference.calibration import WITHHELD
from inference_backend.models.licences import accept
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.models.store import bundle_folder
from inference_backend.training.added_calibrate import calibrate_added
from support.amlart import amlart
from support.nnunet_folders import Folder, rule_folder, rule_state, write_checkpoint, write_json_files

FOLDS_HU = (60.5, 100.5, 140.5)
MIDDLE_HU = 100.0
WHAT = Folder(labels={"background": 0, "Bladder": 1}, window=(16, 16, 32), mirrors=None)
CASES = 12
GRID = Geometry((32, 16, 16), (3.0, 3.0, 3.0))


def block(number: int, grid: Geometry = GRID) -> tuple[CtScan, StructureSet]:
    """Case `number`: the steepness goes round in a circle, the truth alternates."""
    steepness = 12.0 + 6.0 * (number % 6)
    i = np.indices(grid.shape_kji)[2]
    hu = MIDDLE_HU + steepness * (i - 15.5)
    hu[:, :, :2] = hu[:, :, -2:] = -1000
    truth = (hu > (70 if number % 2 else 130)) & (hu > -1000)
    mask = Contour("bladder", Mask.from_array(truth, grid), Source.DRAWN)
    return CtScan(np.rint(hu).astype(np.int16), grid), StructureSet.of(grid, [mask])


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "blocks"
    names = [f"case-{n:02d}" for n in range(CASES)]
    for n, name in enumerate(names):
        write_case(folder, Form.FOLDERS, name, *block(n))
    finish(folder, Form.FOLDERS, dict.fromkeys(names, ""))
    return folder


def add(tmp_path: Path, folds_hu: tuple[float, ...] = FOLDS_HU) -> Path:
    """The model, accepted."""
    source = rule_folder(tmp_path / "Dataset001_Ward", folds_hu[0], WHAT)
    network = write_json_files(source, replace(WHAT, rule=True))
    for fold, hu in enumerate(folds_hu[1:], 1):
        write_checkpoint(source, str(fold), rule_state(network, hu, WHAT), WHAT)
    add_model([source], Wish("ward", licence="Internal use", axes="LPS"), lambda _f, _s: None)
    accept(bundle_folder("ward"), "Internal use", "a test")
    return bundle_folder("ward")


def contoured(scan: CtScan) -> Contours:
    engine = NnUNetFolderEngine("ward")
    engine.load("cpu")
    return engine.contour(scan, ("bladder",), lambda _f, _s: None, lambda: False, StructureSet(scan.geometry))


def calibrated(root: Path, tmp_path: Path, cases: int = CASES) -> int:
    """How many cases it was calibrated on."""
    cohort = open_cohort(root)
    found = calibrate_added("ward", cohort, cohort.cases[:cases], tmp_path / "measured", lambda _d, _o: None)
    return found.cases


def test_what_is_expected_holds_what_a_new_case_needs_and_an_unlike_scan_gets_none(
    root: Path, tmp_path: Path
) -> None:
    add(tmp_path)
    before = contoured(block(CASES)[0])
    assert before.expected is None
    assert NOT_CALIBRATED in before.findings
    assert calibrated(root, tmp_path) == CASES
    expected = []
    for number in (CASES, CASES + 5):
        scan, truth = block(number)
        found = contoured(scan)
        assert found.expected is not None
        assert NOT_CALIBRATED not in found.findings
        (of_bladder,) = found.expected.structures
        needed = compare(truth.mask("bladder"), found.masks.mask("bladder"), tolerance_mm=2.0)
        interval = of_bladder.fraction_to_redraw
        assert interval is not None
        assert needed.fraction_to_redraw is not None
        assert interval.low <= needed.fraction_to_redraw <= interval.high
        expected.append(interval.expected)
    assert expected[0] > expected[1], "the flat block needs more than the steep one"
    unlike = contoured(block(CASES, Geometry(GRID.size_ijk, (6.0, 6.0, 6.0)))[0])
    assert unlike.expected is not None
    assert unlike.expected.withheld == WITHHELD
    assert not unlike.expected.structures
    assert any(finding.startswith(WITHHELD) for finding in unlike.findings)


def test_too_few_cases_or_one_fold_are_refused_and_nothing_is_written(root: Path, tmp_path: Path) -> None:
    folder = add(tmp_path, FOLDS_HU[:1])
    with pytest.raises(InputRefused, match="8 cases are too few"):
        calibrated(root, tmp_path, 8)
    with pytest.raises(InputRefused, match="one contour of each structure"):
        calibrated(root, tmp_path)
    with pytest.raises(BadSetting, match="No model none"):
        calibrate_added("none", open_cohort(root), (), tmp_path, lambda _d, _o: None)
    assert not (folder / CALIBRATION_FILE).exists()


def test_the_command_goes_on_with_kept_figures_and_a_calibration_of_other_weights_is_refused(
    root: Path, tmp_path: Path
) -> None:
    folder = add(tmp_path)
    names = [case.id for case in open_cohort(root).cases]
    write_splits(tmp_path / "s.json", Splits(1, (tuple(names[:10]),), tuple(names[10:])))
    words = ("train", "calibrate-added", "ward", root, "--out", tmp_path / "measured")
    few = amlart(*words, "--splits", tmp_path / "s.json")
    assert (few.code, "2 cases are too few" in few.err) == (3, True), few.err
    assert amlart(*words, "--splits", tmp_path / "s.json", "--fold", 9).code == 2
    assert amlart(*words, "--fold", 0).code == 2
    ran = amlart(*words, "--splits", tmp_path / "s.json", "--fold", 0)
    assert ran.code == 0, ran.err
    assert "calibrated on 10 cases" in ran.err
    assert "hold-out" not in ran.err
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "measured").iterdir()}
    assert amlart(*words).code == 0
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "measured").iterdir()}
    assert len(again) == CASES
    assert all(again[path] == when for path, when in kept.items())
    path = folder / CALIBRATION_FILE
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | {"weights": ["0" * 64, *told["weights"][1:]]}), encoding="utf-8")
    with pytest.raises(DamagedFile, match="other weights"):
        NnUNetFolderEngine("ward").load("cpu")
