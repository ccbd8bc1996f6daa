"""The table says what the contours are: right ones are 1, missing ones 0, and nothing is left out."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import NothingToContour
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.margins import shrink
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.nifti_out import write_masks
from inference_backend.dataset.cohort import Cohort, open_cohort, read_case
from inference_backend.engines.registry import engine_at
from inference_backend.evaluation.contoured import contour_cohort, read_run
from inference_backend.evaluation.measured import CaseMeasured, Figures, SourceOfContours, measure_source
from inference_backend.evaluation.summary import compare_sources, drawn_structures, summarise, values
from support.amlart import amlart
from support.cohorts import write_cohort


def _quiet(_fraction: float, _stage: str) -> None:
    pass


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return open_cohort(write_cohort(tmp_path_factory.mktemp("cohort") / "raw", 3))


@pytest.fixture(scope="module")
def drawn(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources: the labels themselves, and shrunken ones that lack a structure and a whole case."""
    root = tmp_path_factory.mktemp("drawn")
    for number, case in enumerate(cohort.cases):
        labels = read_case(case, cohort.form).structures
        _write(root / "right" / case.id, labels)
        if number != 2:
            small = [Contour(c.structure_id, shrink(c.mask, 8.0), Source.MODEL) for c in labels]
            kept = [c for c in small if number != 1 or c.structure_id != "bladder"]
            _write(root / "small" / case.id, StructureSet.of(labels.geometry, kept))
    return root


def _write(folder: Path, structures: StructureSet) -> None:
    folder.mkdir(parents=True)
    write_masks(folder, structures)


def _measured(name: str, cohort: Cohort, root: Path) -> tuple[CaseMeasured, ...]:
    return measure_source(SourceOfContours(name, root / name), cohort, cohort.cases, _quiet)


def test_the_labels_themselves_score_one_everywhere(cohort: Cohort, drawn: Path) -> None:
    rows = {(s.structure, s.figure): s for s in summarise(_measured("right", cohort, drawn))}
    assert rows["bladder", "Dice"].mean == 1.0
    assert rows["bladder", "Dice"].sd == 0.0
    assert rows["ctvn", "surface Dice at 1 mm"].median == 1.0
    assert rows["ctvn", "HD95 mm"].mean == 0.0
    assert rows["uterus", "added path mm"].mean == 0.0
    assert all(row.failed == 0 for row in rows.values())


def test_what_was_not_drawn_counts_as_zero_and_has_no_distance(cohort: Cohort, drawn: Path) -> None:
    cases = _measured("small", cohort, drawn)
    dice = values(cases, "bladder", "Dice")
    assert list(dice.values())[1:] == [0.0, 0.0]
    assert 0 < dice["zzAMLART_001"] < 1
    rows = {(s.structure, s.figure): s for s in summarise(cases)}
    bladder = rows["bladder", "Dice"]
    assert (bladder.count, bladder.failed) == (3, 2)
    assert bladder.mean == pytest.approx(dice["zzAMLART_001"] / 3)
    assert (rows["bladder", "HD95 mm"].count, rows["bladder", "HD95 mm"].undefined) == (1, 2)
    assert cases[2].failure == "There are no contours of this case."


def test_parts_are_joined_to_the_wholes_that_are_labelled(cohort: Cohort, tmp_path: Path) -> None:
    case = cohort.cases[0]
    labels = read_case(case, cohort.form).structures
    middle = labels.mask("parametrium").to_array()
    left, right = middle.copy(), middle.copy()
    left[..., : middle.shape[2] // 2] = False
    right[..., middle.shape[2] // 2 :] = False
    grid = labels.geometry
    parts = {"parametrium_left": left, "parametrium_right": right, "cervix": labels.mask("ctvp").to_array()}
    contours = [Contour(i, Mask.from_array(a, grid), Source.MODEL) for i, a in parts.items()]
    _write(tmp_path / "sides" / case.id, StructureSet.of(grid, contours))
    source = SourceOfContours("sides", tmp_path / "sides")
    (found,) = measure_source(source, cohort, (case,), _quiet)
    dice = {f.structure: f.dice for f in found.figures if f.drawn}
    assert dice == {"parametrium": 1.0, "ctvp": 1.0}


def test_a_case_that_cannot_be_read_is_told_and_the_others_are_measured(
    cohort: Cohort, drawn: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(cohort.root, tmp_path / "raw"))
    for path in root.glob("Dataset*/imagesTr/zzAMLART_002_0000.nii.gz"):
        path.unlink()
        path.write_bytes(b"\x1f\x8b broken")
    cases = _measured("right", open_cohort(root), drawn)
    assert [len(case.figures) > 0 for case in cases] == [True, False, True]
    assert "cannot be read" in str(cases[1].failure)


def _one(case: str, dice: float, structure: str = "bladder") -> CaseMeasured:
    figures = Figures(structure, True, dice, dice, dice, 0.0, (dice,) * 4, 1 - dice, 0.0, 1.0, 1.0, 1.0)
    return CaseMeasured("s", case, (figures,), ())


def test_paired_differences_are_of_the_same_cases_and_tested_by_signs_and_ranks() -> None:
    first = [_one(f"c{n}", 0.80 + 0.001 * n) for n in range(10)]
    second = [_one(f"c{n}", 0.85 + 0.002 * n) for n in range(12)]
    rows = {row.figure: row for row in compare_sources({"a": first, "b": second})}
    dice = rows["Dice"]
    assert dice.count == 10
    assert dice.median == pytest.approx(0.0545)
    assert dice.low <= dice.median <= dice.high
    assert dice.p == pytest.approx(2 / 2**10)  # the exact test: all ten of one sign
    assert rows["added path mm"].median < 0


def test_p_is_adjusted_over_the_structures_and_not_given_for_few_cases() -> None:
    def of(offset: float, structures: tuple[str, ...], count: int) -> list[CaseMeasured]:
        return [
            replace(
                _one(f"c{n}", 0),
                figures=tuple(_one("", 0.5 + 0.01 * n + offset * (n + 1), s).figures[0] for s in structures),
            )
            for n in range(count)
        ]

    both = ("bladder", "uterus")
    two = compare_sources({"a": of(0, both, 8), "b": of(0.01, both, 8)})
    assert {row.p for row in two if row.figure == "Dice"} == {2 * 2 / 2**8}
    assert all(row.p is None for row in compare_sources({"a": of(0, both, 4), "b": of(0.01, both, 4)}))
    same = compare_sources({"a": of(0, both, 8), "b": of(0, both, 8)})
    assert {row.p for row in same} == {1.0}


class BrightEngine:
    """Draws everything brighter than bone as bladder; refuses one scan and breaks on another."""

    def __init__(self) -> None:
        self.calls = 0

    def describe(self) -> EngineInfo:
        nodal = engine_at("inference_backend.engines.guideline_nodal:GuidelineNodalEngine(pgi)")
        return replace(nodal.describe(), gives=("bladder",))

    def load(self, device: str) -> None:
        assert device == "cpu"

    def unload(self) -> None:
        pass

    def contour(self, ct: CtScan, wanted, progress, cancel, context) -> Contours:  # type: ignore[no-untyped-def]
        self.calls += 1
        if self.calls == 2:
            raise NothingToContour("Nothing here.")
        if self.calls == 3:
            raise ValueError("broken")
        mask = Mask.from_array(ct.hu_kji > 250, ct.geometry)
        return Contours(StructureSet.of(ct.geometry, [Contour("bladder", mask, Source.MODEL)]))


def test_an_engines_contours_times_and_failures_are_kept_and_not_made_twice(
    cohort: Cohort, tmp_path: Path
) -> None:
    engine, folder = BrightEngine(), tmp_path / "bright"
    for _ in range(2):
        contour_cohort(engine, cohort, cohort.cases, folder, _quiet, "cpu")
    assert engine.calls == 3
    runs = [read_run(folder / case.id) for case in cohort.cases]
    assert [run.failure for run in runs if run] == [None, "Nothing here.", "It broke (ValueError)."]
    assert all(run and run.seconds >= 0 and run.peak_bytes > 1 << 20 for run in runs)
    cases = measure_source(SourceOfContours("bright", folder), cohort, cohort.cases, _quiet)
    assert [case.failure for case in cases][1:] == ["Nothing here.", "It broke (ValueError)."]
    assert drawn_structures(cases) == ("bladder",)
    assert [v == 0 for v in values(cases, "bladder", "Dice").values()][1:] == [True, True]


def test_one_command_writes_the_page_and_every_table(cohort: Cohort, drawn: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--test", f"right={drawn / 'right'}", "--test", f"small={drawn / 'small'}")
    ran = amlart("evaluate", cohort.root, "--out", out, *words)
    assert ran.code == 0, ran.err
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    assert "small failed on zzAMLART_003" in page
    assert page.count('<figure class="chart">') == 4
    assert "worst: zzAMLART_" in page
    assert "<script" not in page
    rows = list(csv.DictReader(io.StringIO((out / "figures.csv").read_text(encoding="utf-8"))))
    assert len([r for r in rows if r["source"] == "right" and r["structure"] == "bladder"]) == 3
    markdown = (out / "paper.md").read_text(encoding="utf-8").splitlines()
    assert markdown[0] == "| Dice | right | small |"
    assert any(line.startswith("| Bladder | 1.000±0.000 (1.000) | 0.") for line in markdown)
    latex = (out / "paper.tex").read_text(encoding="utf-8")
    assert r"1.000$\pm$0.000 (1.000)" in latex
    small = [float(r["Dice"]) for r in rows if r["source"] == "small" and r["structure"] == "bladder"]
    summary = list(csv.DictReader(io.StringIO((out / "summary.csv").read_text(encoding="utf-8"))))
    told = next(
        r for r in summary if (r["source"], r["structure"], r["figure"]) == ("small", "bladder", "Dice")
    )
    assert float(told["mean"]) == pytest.approx(np.mean(small), rel=1e-5)
    assert float(told["SD"]) == pytest.approx(np.std(small, ddof=1), rel=1e-5)


def test_a_wrong_source_or_engine_is_refused_in_words(cohort: Cohort, tmp_path: Path) -> None:
    for words in (("--test", "nowhere=/nowhere"), ("--engine", "no-such-engine"), ()):
        ran = amlart("evaluate", cohort.root, "--out", tmp_path / "out", *words)
        assert ran.code == 2, ran.err
