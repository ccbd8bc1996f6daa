"""Rows of text from a spreadsheet, .xlsx or .csv, and back to .xlsx. The first sheet only, no formulas.

A workbook comes from outside: sizes are limited before anything is unpacked, and one that declares entities
(the way small files grow without end) is refused. Format: ECMA-376, SpreadsheetML.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge

FILE_BYTES, PART_BYTES = 16 << 20, 64 << 20
ROWS, COLUMNS = 100_000, 256
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
PLACE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
ENDINGS = (".xlsx", ".csv")
Rows = list[list[str]]


def read_rows(path: Path) -> Rows:
    """Every row as texts, empty ones left out. DamagedFile or TooLarge, naming the file; InputRefused for
    another kind of file."""
    if path.suffix.lower() not in ENDINGS:
        raise InputRefused(f"{path.name} is no spreadsheet.", advice="Save it as .xlsx or .csv.")
    if path.stat().st_size > FILE_BYTES:
        raise TooLarge(f"{path.name} has more than {FILE_BYTES >> 20} MiB.", kept="Nothing was read.")
    try:
        rows = _xlsx_rows(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path)
    except (
        *(zipfile.BadZipFile, ElementTree.ParseError, csv.Error),
        *(UnicodeDecodeError, KeyError, ValueError, IndexError, OSError, NotImplementedError),
    ) as error:
        raise DamagedFile(
            f"{path.name} cannot be read as a spreadsheet.",
            kept="Nothing was changed.",
            advice="Open it in a spreadsheet program and save it again as .xlsx or .csv.",
        ) from error
    return [row for row in rows if any(cell.strip() for cell in row)]


def xlsx_of(rows: Iterable[Sequence[str]]) -> bytes:
    """A workbook with one sheet; every cell is text. Equal rows give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (*_FRAME.items(), ("xl/worksheets/sheet1.xml", _sheet(rows))):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _XML + text)
    return content.getvalue()


def _csv_rows(path: Path) -> Rows:
    text = path.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    return _limited(csv.reader(io.StringIO(text), delimiter=delimiter), path)


def _xlsx_rows(path: Path) -> Rows:
    with zipfile.ZipFile(path) as archive:
        shared = _shared(archive, path)
        sheet = _part(archive, _first_sheet(archive, path), path)
        return _limited((_cells(row, shared) for row in sheet.iter(f"{MAIN}row")), path)


def _limited(rows: Iterable[list[str]], path: Path) -> Rows:
    found: Rows = []
    for row in rows:
        if len(found) == ROWS or len(row) > COLUMNS:
            raise TooLarge(f"{path.name} has more than {ROWS} rows or {COLUMNS} columns.")
        found.append(row)
    return found


def _part(archive: zipfile.ZipFile, name: str, path: Path) -> ElementTree.Element:
    if archive.getinfo(name).file_size > PART_BYTES:
        raise TooLarge(f"{path.name} unpacks to more than {PART_BYTES >> 20} MiB.")
    with archive.open(name) as file:
        content = file.read(PART_BYTES + 1)
    if len(content) > PART_BYTES or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DamagedFile(f"{path.name} holds what no spreadsheet program writes.", kept="Nothing was read.")
    return ElementTree.fromstring(content)


def _first_sheet(archive: zipfile.ZipFile, path: Path) -> str:
    book = _part(archive, "xl/workbook.xml", path)
    sheet = next(book.iter(f"{MAIN}sheet"))
    links = _part(archive, "xl/_rels/workbook.xml.rels", path)
    target = {link.get("Id"): link.get("Target") or "" for link in links}[sheet.attrib[f"{PLACE}id"]]
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _shared(archive: zipfile.ZipFile, path: Path) -> list[str]:
    name = "xl/sharedStrings.xml"
    if name not in archive.namelist():
        return []
    return [_text(item) for item in _part(archive, name, path).iter(f"{MAIN}si")]


def _text(item: ElementTree.Element) -> str:
    """All runs of a text; phonetic hints (rPh) are none of it."""
    runs = (run for run in item if not run.tag.endswith("rPh"))
    return "".join(t.text or "" for run in runs for t in run.iter(f"{MAIN}t"))


def _cells(row: ElementTree.Element, shared: list[str]) -> list[str]:
    found: list[str] = []
    for cell in row.iter(f"{MAIN}c"):
        column = _column(cell.get("r", ""), len(found))
        if column >= COLUMNS:
            raise ValueError("too many columns")
        found += [""] * (column + 1 - len(found))
        found[column] = _value(cell, shared)
    return found


def _column(place: str, following: int) -> int:
    """0 for A1, 27 for AB7; the next one where a cell names no place."""
    letters = re.match(r"[A-Z]+", place)
    if letters is None:
        return following
    number = 0
    for letter in letters.group():
        number = 26 * number + ord(letter) - 64
    return number - 1


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{MAIN}v", "")
    if kind == "s":
        return shared[int(value)]
    if kind == "inlineStr":
        inline = cell.find(f"{MAIN}is")
        return "" if inline is None else _text(inline)
    if kind == "n" and value.endswith(".0"):
        return value[:-2]
    return value


def _sheet(rows: Iterable[Sequence[str]]) -> str:
    lines = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' for cell in row)
        + "</row>"
        for row in rows
    )
    return f'<worksheet xmlns="{MAIN[1:-1]}"><sheetData>{lines}</sheetData></worksheet>'


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FRAME = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_OFFICE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_OFFICE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{PLACE[1:-1]}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN[1:-1]}" xmlns:r="{PLACE[1:-1]}"><sheets>'
    '<sheet name="notes" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{PLACE[1:-1]}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
