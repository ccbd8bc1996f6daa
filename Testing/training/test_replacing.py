"""A new model takes the place of the one in use only where the hold-out speaks for it; and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import BadSetting, InputRefused
from inference_backend.dataset.cohort import Cohort, open_cohort
from inference_backend.models.bundle import open_bundle
from inference_backend.training.replacing import Verdict, compared, current, replace_bundle, roll_back
from support.box_cohort import write_box_cohort
from support.bundles import threshold_network, write_bundle

SPACING_MM = (6.0, 6.0, 6.0)
GOOD_HU, BAD_HU = 40.0, -500.0  # a bladder of 80 HU in tissue of 0 HU, and everything that is no air


def _bundle(home: Path, version: str, above_hu: float, structures: tuple[str, ...] = ("bladder",)) -> Path:
    folder = home / "models" / "ward-7"
    networks = [threshold_network((above_hu,) * len(structures), 200.0)]
    write_bundle(folder, structures, networks, version=version, spacing_mm=SPACING_MM)
    return folder


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return open_cohort(write_box_cohort(tmp_path_factory.mktemp("cohort"), 3))


def _verdict(old: Path, new: Path, cohort: Cohort, out: Path, limit: float = 0.0) -> Verdict:
    found, page = compared(old, new, cohort, [case.id for case in cohort.cases], out, limit)
    assert page.exists()
    return found


def test_a_better_model_takes_the_place_and_the_earlier_one_comes_back(
    cohort: Cohort, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    old, new = _bundle(home, "1", BAD_HU), _bundle(tmp_path / "made", "2", GOOD_HU)
    verdict = _verdict(old, new, cohort, tmp_path / "out")
    assert verdict.rows[0].new > verdict.rows[0].old
    kept = replace_bundle(home, "ward-7", new, verdict)
    assert open_bundle(current(home, "ward-7")).manifest.version == "2"
    assert open_bundle(current(home, "ward-7")).first_missing() is None
    assert (kept / "compared.json").exists()
    assert roll_back(home, "ward-7") == "1"
    assert open_bundle(current(home, "ward-7")).manifest.version == "1"
    assert open_bundle(current(home, "ward-7")).network(0) is not None
    with pytest.raises(BadSetting, match="No earlier model"):
        roll_back(home, "ward-7")


def test_a_worse_model_is_refused_in_words_and_nothing_changes(cohort: Cohort, tmp_path: Path) -> None:
    home = tmp_path / "home"
    old, new = _bundle(home, "1", GOOD_HU), _bundle(tmp_path / "made", "2", BAD_HU)
    verdict = _verdict(old, new, cohort, tmp_path / "out")
    with pytest.raises(InputRefused, match="bladder: mean Dice"):
        replace_bundle(home, "ward-7", new, verdict)
    assert open_bundle(old).manifest.version == "1"
    assert not (home / "models-replaced").exists()
    other = _bundle(tmp_path / "third", "3", GOOD_HU)
    with pytest.raises(BadSetting, match="other models"):
        compared(old, other, cohort, [], tmp_path / "out", 0.0)


def test_a_model_that_draws_less_or_was_measured_on_too_few_is_refused(
    cohort: Cohort, tmp_path: Path
) -> None:
    old = _bundle(tmp_path / "home", "1", GOOD_HU, ("bladder", "anorectum"))
    new = _bundle(tmp_path / "made", "2", GOOD_HU)
    verdict, _ = compared(old, new, cohort, [cohort.cases[0].id], tmp_path / "out", 1.0)
    assert verdict.against == (
        "It does not draw anorectum.",
        "Fewer than 3 labelled hold-out cases say nothing.",
    )
