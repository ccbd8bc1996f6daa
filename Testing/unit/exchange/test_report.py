"""The report says all there is to say of a case, in one sound file that fetches nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import ExportFailed, GeometryMismatch
from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.domain.rules import Severity
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.case_record import CaseRecord
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.report.data import ReportData
from AmlartContourLib.exchange.report.write import report_html, write_report
from AmlartContourLib.exchange.resources import catalogue
from support.report_case import PATIENT, report_case
from support.shapes import grid

VOID = {"meta", "img", "br", "line", "rect", "link", "input", "hr"}


class Page(HTMLParser):
    """A page taken apart; complains of tags that do not close in the order they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@lru_cache(maxsize=1)
def full_html() -> str:
    return report_html(report_case())


@lru_cache(maxsize=1)
def full() -> Page:
    return Page(full_html())


def test_the_page_is_well_formed_and_says_its_language() -> None:
    assert full_html().startswith("<!DOCTYPE html>")
    assert full().all("html") == [{"lang": "en-GB"}]
    ids = [attributes["id"] for _, attributes in full().tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for a in full().all("a")} | {
        f"#{a['aria-labelledby']}" for a in full().all("section")
    }
    assert targets <= {f"#{name}" for name in ids}


def test_nothing_is_fetched_and_nothing_runs() -> None:
    assert full().all("script") == full().all("link") == full().all("iframe") == []
    for _, attributes in full().tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert re.match(r"data:image/png;base64,|#", attributes.get(name) or "#")
    assert "url(" not in full_html()
    assert "@import" not in full_html()


def test_research_use_only_is_said_at_the_top_and_stays() -> None:
    assert full().text.count(RESEARCH_ONLY) == 2
    assert "UNAPPROVED" in full().text


def test_every_structure_message_border_and_finding_is_there() -> None:
    data, text = report_case(), full().text
    for contour in data.all_contours:
        entry = data.catalogue[contour.structure_id]
        assert entry.display_name in text
        assert contour.note in text
    for message in data.record.messages:
        assert message.text in text
        assert not message.volume_cc or f"{message.volume_cc:.2f}" in text
    for border in data.record.borders:
        assert border.evidence in text
    assert "Estimated level borders: upper border of the para-aortic level." in text
    assert text.count("Seen in the scan.") == text.count("Said by the caller.") == 1
    assert "a" * 64 in text
    assert "guideline 1.2.3" in text


def test_warnings_come_before_what_is_for_information() -> None:
    messages = report_case().record.messages
    warnings = [m.text for m in messages if m.severity is Severity.WARNING]
    others = [m.text for m in messages if m.severity is not Severity.WARNING]
    assert warnings
    assert others
    told = full().text.split("Rule messages")[1]
    assert max(told.index(text) for text in warnings) < min(told.index(text) for text in others)


def test_volumes_are_those_of_the_voxels() -> None:
    data = report_case()
    for structure_id in ("cervix", "uterus", "anorectum"):
        volume = data.all_contours.mask(structure_id).volume_cc
        row = full_html().split(f"> {data.catalogue[structure_id].display_name}</th>")[1].split("</tr>")[0]
        assert f'<td class="n">{volume:.2f}</td>' in row


def test_the_recipe_says_what_was_chosen_and_what_was_not_there() -> None:
    text = full().text
    assert "Chosen but not there: GTVp (primary tumour), Vagina" in text
    assert "PTV margin round CTVp 4 mm (chosen for this patient)" in text
    assert "Derived from other contours, not contoured themselves: Pelvic nodes" in text
    assert "not checked against a primary document" in text
    assert "No reviewer is named" in text
    reviewed = replace(report_case().record, reviewer="Dr R. Viewer")
    assert "No reviewer" not in report_html(replace(report_case(), record=reviewed, scan=None, editing=None))


def test_measured_editing_has_its_definition_tolerance_and_grid_and_undefined_has_a_reason() -> None:
    text = full().text
    assert "area-weighted surface elements" in text
    assert "grid 1.5 x 1.5 x 3 mm" in text
    assert "3 (default)" in text
    assert "undefined (both contours are empty)" in text
    assert "undefined (the test contour is empty)" in text
    assert "nan" not in text.lower().split()
    assert "contours of the engine enclosed too much there" in text


def test_whatever_the_values_hold_is_text_and_not_markup() -> None:
    assert "case &lt;7&gt; &amp; co" in full_html()
    assert "case <7> & co" in full().text
    record = CaseRecord(pseudonym='<img src=x onerror="x">', findings=("</li><script>alert(1)</script>",))
    page = Page(report_html(replace(report_case(), record=record, scan=None, editing=None)))
    assert page.all("script") == []
    assert page.all("img") == []


def test_no_patient_is_named() -> None:
    assert PATIENT in str(report_case().scan.headers[0].PatientName)
    assert "Planted" not in full_html()


def test_pictures_are_pngs_with_words_for_those_who_cannot_see_them() -> None:
    images = full().all("img")
    assert len(images) >= 6 + 2 + 2  # axial, through the target, most to redraw
    for image in images:
        assert base64.b64decode(str(image["src"]).split(",")[1]).startswith(b"\x89PNG")
        assert len(str(image["alt"])) > 20


def test_tables_have_captions_and_their_heads_say_what_they_head() -> None:
    assert full_html().count("<caption>") == len(full().all("table"))
    assert all("scope" in head for head in full().all("th"))


def test_an_oblique_scan_is_said_to_be_oblique() -> None:
    tilted = report_html(replace(report_case("oblique"), editing=None))
    assert "The scan is tilted by up to 13." in tilted
    assert "The scan is tilted" not in full().text


def test_nothing_known_but_a_scan_still_makes_a_report() -> None:
    geometry = grid((12, 10, 8))
    scan = CtScan(np.full(geometry.shape_kji, -1000, np.int16), geometry)
    data = ReportData(
        catalogue(), StructureSet(geometry), CaseRecord(), datetime(2026, 3, 1, tzinfo=UTC), scan
    )
    page = Page(report_html(data))
    assert len(page.all("img")) == 3
    assert "without a pseudonym" in page.text
    assert page.all("script") == []


def test_contours_of_another_grid_are_refused() -> None:
    data = report_case()
    with pytest.raises(GeometryMismatch):
        report_html(replace(data, scan=report_case("oblique").scan))


def test_a_report_replaces_another_only_when_asked(tmp_path: Path) -> None:
    data = replace(report_case(), scan=None, editing=None)
    write_report(tmp_path / "report.html", data)
    with pytest.raises(ExportFailed, match="already there"):
        write_report(tmp_path / "report.html", data)
    write_report(tmp_path / "report.html", data, replace=True)
    assert Page((tmp_path / "report.html").read_text(encoding="utf-8")).all("img") == []
