"""Two users of one workstation at the same time, each in a browser of their own: neither sees the other's
patient, edits or choices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from AmlartContourLib.contract.home import LOCAL_NAME
from inference_backend.server.tokens import add_token
from support.small_patients import write_small_patient
from support.work_page import WorkPage, entered
from support.workstation_process import browser, running_workstation

pytestmark = pytest.mark.slow
SIZE = (1280, 800)
STRUCTURE, TARGET, PART = "bladder", "ctvp", "uterus"


@dataclass(frozen=True)
class Two:
    """The pages of both, and the folder that holds what each keeps."""

    first: WorkPage
    second: WorkPage
    users: Path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    base = tmp_path_factory.mktemp("users")
    for number, name in enumerate(("USER-A", "USER-B")):
        write_small_patient(base / "patients" / name, number)
    with running_workstation(base / "patients", base / "home") as running, browser() as chromium:
        folder = base / "home" / "workstation"
        link = f"{running.url}/enter?token={add_token(folder, 'second')}"
        first, second = (entered(chromium, running, one, SIZE) for one in (running.link, link))
        first.open("USER-A")
        second.open("USER-B")
        assert len(running.stations()) == 2
        yield Two(first, second, folder / "users")


def _shown(work: WorkPage) -> dict[str, str]:
    """Whose workstation it says it is, the patient, and the volumes of a part and of a target."""
    work.panel("components")
    volumes = {i: work.page.inner_text(f".part:has(#choose-{i}) .cc") for i in (STRUCTURE, TARGET)}
    return {
        "user": work.page.inner_text("#user"),
        "patient": work.page.inner_text("#patient-name"),
        "undo": work.page.get_attribute("#undo", "title"),
        **volumes,
    }


def _brush(work: WorkPage) -> tuple[float, float, float]:
    """A brush in the hand; the middle of the axial view and its height."""
    work.choose(STRUCTURE)
    work.tool("paint")
    box = work.page.locator("#view-Axial").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"]


def test_a_stroke_of_one_in_the_middle_of_a_stroke_of_the_other_stays_each_ones_own(two: Two) -> None:
    before = [_shown(work) for work in (two.first, two.second)]
    assert [one["patient"] for one in before] == ["USER-A", "USER-B"]
    assert before[0]["user"] != before[1]["user"]
    x, y, height = _brush(two.first)
    _brush(two.second)
    mouse = two.first.page.mouse
    mouse.move(x - 0.2 * height, y)
    mouse.down()
    mouse.move(x, y, steps=4)
    two.second.drag(((0.0, -0.2), (0.0, 0.2)))
    two.second.until_undo("Paint")
    assert "Paint" not in (two.first.page.get_attribute("#undo", "title") or "")
    mouse.move(x + 0.2 * height, y, steps=4)
    mouse.up()
    two.first.until_undo("Paint")
    after = [_shown(work) for work in (two.first, two.second)]
    for was, now in zip(before, after, strict=True):
        assert now["patient"] == was["patient"]
        assert now[STRUCTURE] != was[STRUCTURE]
        assert now[TARGET] == was[TARGET]
    two.second.undo("Paint")
    assert _shown(two.second)[STRUCTURE] == before[1][STRUCTURE]
    assert _shown(two.first) == after[0]


def test_a_toggle_of_one_leaves_the_targets_of_the_other(two: Two) -> None:
    before = [_shown(work) for work in (two.first, two.second)]
    two.first.page.locator(f"#include-{PART}").click(force=True)
    two.first.until(
        "t => document.querySelector('.part:has(#choose-ctvp) .cc').textContent !== t", before[0][TARGET]
    )
    assert _shown(two.second) == before[1]
    assert two.second.page.is_checked(f"#include-{PART}")
    assert not two.first.page.is_checked(f"#include-{PART}")


def test_each_keeps_saved_sessions_of_their_own(two: Two) -> None:
    for work in (two.first, two.second):
        work.panel("worklist")
        work.page.reload()  # a page that comes back shows the same patient
        work.page.wait_for_selector("#patient-name")
    assert two.first.page.inner_text("#patient-name") == "USER-A"
    assert two.second.page.inner_text("#patient-name") == "USER-B"
    assert {folder.name for folder in two.users.iterdir()} == {LOCAL_NAME, "second"}
