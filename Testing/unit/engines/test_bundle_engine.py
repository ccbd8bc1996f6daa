"""A bundle as an engine: what it says of itself, what it gives, and what keeps it from running."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting, Cancelled, DamagedFile, InputRefused
from AmlartContourLib.domain.levels import BorderKind
from AmlartContourLib.domain.structure_set import Source, StructureSet
from inference_backend.engines.bundle import DEMONSTRATION, BundleEngine
from inference_backend.engines.level_planes import borders_between
from inference_backend.engines.registry import DEFAULT_ENGINE, Registry
from inference_backend.inference.assessment import NOT_CALIBRATED
from inference_backend.inference.calibration import WITHHELD
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.manifest import MANIFEST_FILE
from inference_backend.models.store import EMBEDDED_ID
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.training.calibrate import calibrate
from inference_backend.training.evaluate import report
from inference_backend.training.measured_cases import CaseFigures, measure_cases
from inference_backend.training.pack import write_manifest
from support.bundles import threshold_network, write_bundle
from support.rising_scans import rising_scan
from support.shapes import block, grid

HU = (0.5, 20.5, 60.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three members that put the bladder's border at three different HU."""
    made = tmp_path / "models" / "ward"
    write_bundle(made, ("bladder", "uterus"), [threshold_network((hu, 300.5), 20.0) for hu in HU])
    return made


@pytest.fixture
def one_window(folder: Path) -> Path:
    """The same on a coarse grid, the whole body in one window: quick on phantoms."""
    networks = [threshold_network((hu, 300.5), 20.0) for hu in HU]
    write_bundle(folder, ("bladder", "uterus"), networks, patch_kji=None, spacing_mm=(8.0,) * 3)
    return folder


def _engine(folder: Path) -> BundleEngine:
    engine = BundleEngine(folder.name, folder)
    engine.load("cpu")
    return engine


def test_the_spread_counts_the_members_that_hold_each_voxel(folder: Path) -> None:
    scan = rising_scan("oblique")
    told: list[float] = []
    found = _engine(folder).contour(
        scan, ("bladder",), lambda f, _s: told.append(f), lambda: False, StructureSet(scan.geometry)
    )
    assert found.masks.ids == ("bladder",)
    contour = found.masks.contours["bladder"]
    assert contour.source is Source.MODEL
    assert found.device == "cpu"
    spread = found.spread["bladder"]
    assert spread.members == 3
    share = np.zeros(scan.geometry.shape_kji, dtype=np.uint8)
    share[spread.box.slices] = spread.share_kji
    inner = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inner[5:-5, 7:-7, 7:-7] = True
    expected = np.sum([scan.hu_kji > hu for hu in HU], axis=0) * 85
    assert np.array_equal(share[inner], expected[inner])
    assert told == sorted(told)
    assert found.findings == (DEMONSTRATION, NOT_CALIBRATED)
    assert set(found.timings_s) >= {"prepare", "network", "to the scan", "expected editing"}


def test_cancel_is_heard_at_the_next_window(folder: Path) -> None:
    scan = rising_scan("head first")
    seen: list[str] = []
    with pytest.raises(Cancelled):
        _engine(folder).contour(
            scan,
            ("bladder",),
            lambda _f, stage: seen.append(stage),
            lambda: len(seen) == 3,
            StructureSet(scan.geometry),
        )
    assert len(seen) == 3


def test_what_it_does_not_give_is_refused(folder: Path) -> None:
    scan = rising_scan("head first")
    with pytest.raises(BadSetting, match="kidney_left"):
        _engine(folder).contour(
            scan, ("kidney_left",), lambda _f, _s: None, lambda: False, StructureSet(scan.geometry)
        )


def test_an_engine_that_was_let_go_says_that_it_is_not_loaded(folder: Path) -> None:
    engine = _engine(folder)
    engine.unload()
    scan = rising_scan("head first")
    with pytest.raises(BadSetting, match="not loaded"):
        engine.contour(scan, ("bladder",), lambda _f, _s: None, lambda: False, StructureSet(scan.geometry))


def test_its_version_changes_with_any_weight(folder: Path) -> None:
    before = BundleEngine("ward", folder).describe()
    write_bundle(folder, ("bladder", "uterus"), [threshold_network((1.0, 300.5), 20.0)])
    after = BundleEngine("ward", folder).describe()
    assert before.available
    assert before.version != after.version
    assert before.version.startswith("1+")


def test_missing_weights_are_told_without_loading_anything(folder: Path) -> None:
    (folder / "member-2.safetensors").unlink()
    info = BundleEngine("ward", folder).describe()
    assert not info.available
    assert info.reason == "member-2.safetensors is missing."
    assert info.mend


@pytest.mark.parametrize("library", ["torch", "safetensors"])
def test_a_missing_library_is_told_with_what_mends_it(
    folder: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else there(name))
    info = BundleEngine("ward", folder).describe()
    assert not info.available
    assert library in info.reason
    assert "amlart-contour[models]" in info.mend


def test_a_folder_of_another_name_is_not_taken_for_the_bundle(folder: Path) -> None:
    info = BundleEngine("other", folder).describe()
    assert not info.available
    assert "ward" in info.reason


def test_own_bundles_are_listed_and_broken_ones_say_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLART_HOME", str(folder.parents[1]))
    broken = folder.parent / "broken"
    broken.mkdir()
    (broken / MANIFEST_FILE).write_text('{"format": 1}')
    infos = {info.id: info for info in Registry().infos()}
    assert next(iter(infos)) == DEFAULT_ENGINE == EMBEDDED_ID
    assert infos["ward"].available
    assert not infos["broken"].available
    assert "broken" in infos["broken"].reason


def test_describing_every_engine_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys; from inference_backend.engines.registry import Registry; Registry().infos(); "
        "print([m for m in ('torch', 'scipy', 'SimpleITK', 'safetensors', 'numba') if m in sys.modules])"
    )
    env = {"AMLART_HOME": str(folder.parents[1]), "PATH": ""}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert ran.stdout.strip() == "[]"


def test_borders_lie_between_the_levels_and_are_estimated() -> None:
    geometry = grid((40, 36, 60), (2.0, 2.0, 2.0), centre_lps=(0.0, 0.0, 0.0))
    levels = {
        "ln_paraaortic": block(geometry, (-10, -10, 21), (10, 10, 50)),
        "ln_common_iliac": block(geometry, (-20, -10, -9), (20, 10, 20)),
        "ln_pelvic": block(geometry, (-30, -10, -40), (30, 10, -10)),
    }
    found = {border.kind: border for border in borders_between(levels)}
    assert set(found) == {
        BorderKind.AORTIC_BIFURCATION,
        BorderKind.COMMON_ILIAC_BIFURCATION_LEFT,
        BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT,
        BorderKind.MIDLINE,
    }
    assert all(border.estimated for border in found.values())
    assert found[BorderKind.AORTIC_BIFURCATION].point_lps[2] == pytest.approx(20.5, abs=1.0)
    assert found[BorderKind.COMMON_ILIAC_BIFURCATION_LEFT].point_lps[2] == pytest.approx(-9.5, abs=1.0)
    assert borders_between({"ln_pelvic": levels["ln_pelvic"]}) == ()
    assert borders_between({}) == ()


SPECS = [
    (f"case-{n}", PhantomSpec(seed=n, matrix_ij=(64, 56), pixel_mm=(6.0, 6.0), slice_step_mm=8.0))
    for n in range(3)
]


def test_a_bundle_is_calibrated_from_measured_cases_and_then_estimates(
    one_window: Path, tmp_path: Path
) -> None:
    folder = one_window
    out = tmp_path / "measured"
    figures = measure_cases(folder, SPECS[:2], out, lambda _d, _o: None)
    kept = (out / "case-0.json").stat().st_mtime_ns
    again = measure_cases(folder, SPECS, out, lambda _d, _o: None)
    assert again[:2] == figures
    assert (out / "case-0.json").stat().st_mtime_ns == kept
    with pytest.raises(InputRefused, match="too few"):
        calibrate(folder, again)
    many = [_varied(again[n % 3], n) for n in range(30)]
    found = calibrate(folder, many)
    assert found.cases == 30
    engine = BundleEngine("ward", folder)
    engine.load("cpu")
    scan = rising_scan("head first")
    result = engine.contour(
        scan, ("bladder",), lambda _f, _s: None, lambda: False, StructureSet(scan.geometry)
    )
    assert result.expected is not None
    assert result.expected.withheld == WITHHELD
    assert result.expected.distance > result.expected.limit
    assert any("calibration cases" in reason for reason in result.expected.reasons)
    assert any(WITHHELD in finding for finding in result.findings)
    page = report(folder, many)
    assert "| bladder | 30 |" in page
    assert "Withheld, being unlike the calibration cases" in page


def _varied(case: CaseFigures, number: int) -> CaseFigures:
    """The same case as if it were another, features a little apart."""
    features = {name: value * (1 + 0.01 * (number % 5)) for name, value in case.features.items()}
    return replace(case, case=f"case-{number}", features=features)


def test_a_calibration_of_other_weights_is_refused(one_window: Path, tmp_path: Path) -> None:
    folder = one_window
    cases = measure_cases(folder, SPECS[:1], tmp_path / "m", lambda _d, _o: None)
    calibrate(folder, [_varied(cases[0], n) for n in range(20)])
    networks = [threshold_network((hu, 301.5), 20.0) for hu in HU]
    manifest = write_bundle(folder, ("bladder", "uterus"), networks)
    write_manifest(folder, replace(manifest, calibration=file_in_bundle(folder / "calibration.json")))
    with pytest.raises(DamagedFile, match="other weights"):
        _engine(folder)
