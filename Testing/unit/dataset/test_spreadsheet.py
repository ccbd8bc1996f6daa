"""A notes spreadsheet reads as it was typed, whichever program saved it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge
from inference_backend.dataset import spreadsheet
from inference_backend.dataset.spreadsheet import read_rows, xlsx_of

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _saved(path: Path, sheet: str, shared: str = "", target: str = "worksheets/sheet7.xml") -> Path:
    """As spreadsheet programs save: texts shared, the first sheet found through its relation."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="a" sheetId="4" r:id="rId9"/>'
            '<sheet name="b" sheetId="5" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships><Relationship Id="rId1" Target="worksheets/other.xml"/>'
            f'<Relationship Id="rId9" Target="{target}"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet7.xml", f'<worksheet xmlns="{MAIN}">{sheet}</worksheet>')
        if shared:
            archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{shared}</sst>')
    return path


@pytest.mark.parametrize("target", ["worksheets/sheet7.xml", "/xl/worksheets/sheet7.xml"])
def test_shared_and_rich_texts_numbers_and_gaps_are_read(tmp_path: Path, target: str) -> None:
    shared = (
        "<si><t>Patient</t></si><si><t>Comment</t></si>"
        "<si><r><t>No </t></r><r><rPr><b/></rPr><t>GTVp</t></r><rPh><t>x</t></rPh></si>"
    )
    sheet = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row><row r="2"/>'
        '<row r="3"><c r="A3"><v>12</v></c><c r="C3" t="s"><v>2</v></c></row>'
        '<row r="4"><c r="A4"><v>7.0</v></c><c r="B4" t="str"><v>low</v></c></row></sheetData>'
    )
    rows = read_rows(_saved(tmp_path / "n.xlsx", sheet, shared, target))
    assert rows == [["Patient", "", "Comment"], ["12", "", "No GTVp"], ["7", "low"]]


def test_what_we_write_reads_back_with_every_sign(tmp_path: Path) -> None:
    rows = [["Patient", "Comment"], ["1", ' "quoted" & <marked>, für é 5 > 3'], ["2", "two\nlines"]]
    (tmp_path / "n.xlsx").write_bytes(xlsx_of(rows))
    assert read_rows(tmp_path / "n.xlsx") == rows
    assert xlsx_of(rows) == xlsx_of(rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_of_any_country_is_read(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "n.csv").write_text(
        f"\ufeffPatient{delimiter}Comment\n1{delimiter}low uterus\n\n", encoding="utf-8"
    )
    assert read_rows(tmp_path / "n.csv") == [["Patient", "Comment"], ["1", "low uterus"]]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no workbook at all"])
def test_a_broken_workbook_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "n.xlsx").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"n\.xlsx"):
        read_rows(tmp_path / "n.xlsx")


def test_a_workbook_that_declares_entities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.xlsx"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><workbook>&a;</workbook>')
    path.write_bytes(content.getvalue())
    with pytest.raises(DamagedFile, match="no spreadsheet program"):
        read_rows(path)


def test_a_workbook_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "PART_BYTES", 1000)
    _saved(tmp_path / "n.xlsx", "<sheetData/>" + " " * 2000)
    with pytest.raises(TooLarge):
        read_rows(tmp_path / "n.xlsx")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.ods").write_bytes(b"x")
    with pytest.raises(InputRefused, match="xlsx or"):
        read_rows(tmp_path / "n.ods")
