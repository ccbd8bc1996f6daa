"""The best, the middle and the worst case of each structure as pictures of both contours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from AmlartContourLib.exchange.report.data import MeasuredEditing
from AmlartContourLib.exchange.report.page import Section
from AmlartContourLib.exchange.report.pictures import Picture, compared_pictures
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.set_comparison import compare_sets
from inference_backend.dataset.cohort import Cohort, read_case
from inference_backend.evaluation.measured import CaseMeasured, SourceOfContours, contours_of
from inference_backend.evaluation.summary import drawn_structures, values


def overlays(source: SourceOfContours, cohort: Cohort, cases: Sequence[CaseMeasured]) -> Section:
    """A section of pictures: for each structure the cases with the highest, middle and lowest Dice, each on
    the slice with most to redraw. A contour that is right everywhere has no such slice and no picture."""
    shown: list[Picture] = []
    for structure in drawn_structures(cases):
        by_dice = sorted(values(cases, structure, "Dice").items(), key=lambda pair: -pair[1])
        places = {"best": 0, "middle": len(by_dice) // 2, "worst": len(by_dice) - 1}
        for word, place in places.items():
            case, dice = by_dice[place]
            words = f"{catalogue()[structure].display_name}, {word}: {case}, Dice {dice:.3f}."
            shown += _pictures(source, cohort, case, structure, words)
    text = "Solid: the label. Dashed: what was drawn. The slice with most to redraw."
    return Section(f"Pictures: {source.name}", (text,), pictures=tuple(shown))


def _pictures(
    source: SourceOfContours, cohort: Cohort, case_id: str, structure: str, words: str
) -> Iterator[Picture]:
    read = read_case(cohort.case(case_id), cohort.form)
    drawn, _ = contours_of(source, case_id, read.scan)
    reference, test = read.structures.only([structure]), drawn.only([structure])
    (compared,) = compare_sets(reference, test, catalogue())
    editing = MeasuredEditing(reference, test, (compared,), "label", source.name)
    for picture in list(compared_pictures(read.scan, editing, compared, catalogue()))[:1]:
        yield replace(picture, caption=f"{words} {picture.caption}")
