"""The report says by which engine a second opinion was asked, and its figures, each with its threshold or why
there is none."""

from __future__ import annotations

from dataclasses import replace

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.exchange.report.attention import attention
from AmlartContourLib.exchange.report.data import OpinionFigures, ReportedOpinion
from AmlartContourLib.exchange.report.second_opinion_rows import HEADINGS, opinion_table
from AmlartContourLib.exchange.report.write import report_html
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.disagreement import Disagreement, disagreement_of_two
from support.report_case import report_case
from support.shapes import ball, centre, grid

WHY = "No threshold: <too few> cases of this site had this structure (3)."
MM = 2.0


def apart(radius_mm: float) -> tuple[Disagreement, Mask, Mask]:
    """Of a ball of 14 mm from one around the same point."""
    geometry = grid()
    came, second = ball(geometry, centre(geometry), 14), ball(geometry, centre(geometry), radius_mm)
    return disagreement_of_two(came, second, MM), came, second


def opinion() -> ReportedOpinion:
    """Much apart and beyond, little apart and within, and one without a threshold."""
    far, near = apart(8)[0], apart(13)[0]
    return ReportedOpinion(
        Engine("total", "2+abc"),
        (
            OpinionFigures("anorectum", MM, near, near.fraction, ""),
            OpinionFigures("uterus", MM, far, far.fraction / 2, ""),
            OpinionFigures("cervix", MM, near, None, WHY),
        ),
    )


def test_every_figure_is_that_of_the_two_contours() -> None:
    table = opinion_table(opinion(), catalogue())
    far, came, second = apart(8)
    found = compare(second, came, tolerance_mm=MM)
    assert found.fraction_to_redraw is not None
    assert found.path.added_mm is not None
    assert found.path.added_mm > 0
    row = dict(zip(HEADINGS, table.rows[0].cells, strict=True))
    assert (table.rows[0].name, table.rows[0].beyond) == ("Uterus", True)
    assert row == {
        "Tolerance mm": "2",
        "Apart": f"{found.fraction_to_redraw:.1%}",
        "Surface Dice": f"{1 - found.fraction_to_redraw:.3f}",
        "Path to add mm": f"{found.path.added_mm:.0f}",
        "Path to add, share": f"{found.path.added_mm / far.path_mm:.1%}",
        "Threshold of this site": f"{found.fraction_to_redraw / 2:.1%}",
    }


def test_what_equals_the_threshold_is_within_it_and_what_has_none_says_why() -> None:
    table = opinion_table(opinion(), catalogue())
    by_name = {row.name: row for row in table.rows}
    assert not by_name["Anorectum"].beyond
    assert (by_name["Cervix"].beyond, by_name["Cervix"].cells[-1]) == (False, "none")
    assert table.notes == (f"{WHY} (Cervix)",)


def test_the_page_tells_the_engine_the_figures_and_what_to_look_at_first() -> None:
    data = replace(report_case(), scan=None, editing=None)
    assert "Second opinion" not in report_html(data)
    told = replace(data, second=opinion())
    page = report_html(told)
    assert "total 2+abc was asked about the contours as they came" in page
    assert "does not show that either is right" in page
    assert "&lt;too few&gt;" in page, "escaped"
    assert page.count("beyond the threshold</span>") == 1
    assert [text for text in attention(told) if "farther away" in text] == [
        "A second engine is farther away than in four of five cases of this site: Uterus."
    ]


def test_an_opinion_on_no_structure_that_came_says_so() -> None:
    data = replace(report_case(), scan=None, editing=None)
    page = report_html(replace(data, second=ReportedOpinion(Engine("total", "1"), ())))
    assert "It drew none of the structures that came." in page
