"""Names of a label map's labels, from the files other programs write them in.

Understood: JSON as {"1": "spleen"} or {"spleen": 1}, alone or under "labels" (TotalSegmentator, nnU-Net's
dataset.json with label numbers or lists of them, our own label maps); CSV with a number and a name column;
Slicer colour tables; ITK-SNAP label descriptions. Label 0 is background and never a structure.
"""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from AmlartContourLib.contract.errors import BadSetting

NUMBER_COLUMNS = ("label", "value", "index", "number", "id")
NAME_COLUMNS = ("name", "structure", "text", "labelname", "label name", "description")
LIMIT_BYTES = 4 << 20  # a list of names is small: anything larger is another file

LabelNames = Mapping[str, tuple[int, ...]]


def label_names(names: Mapping[int, str] | Path) -> LabelNames:
    """The label numbers of every name. BadSetting, naming the file, where a list of names cannot be read.

    Several labels may form one structure (nnU-Net's regions), and one label may be in several structures.
    """
    if isinstance(names, Path):
        return _of_file(names)
    return _collect(((name, value) for value, name in names.items()), "The names given")


def _of_file(path: Path) -> LabelNames:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise BadSetting(f"{path.name} is too large to be a list of label names.")
        text = path.read_text(encoding="utf-8-sig")
        pairs = _json_pairs(json.loads(text)) if path.suffix.lower() == ".json" else _line_pairs(text)
        return _collect(pairs, path.name)
    except (OSError, ValueError, TypeError, IndexError, csv.Error) as error:
        raise BadSetting(
            f"{path.name} cannot be read as a list of label names.",
            advice='Write it as JSON, {"1": "Bladder"}, or as CSV with the columns label,name.',
        ) from error


def _collect(pairs: Iterable[tuple[str, int | Iterable[int]]], where: str) -> LabelNames:
    found: dict[str, tuple[int, ...]] = {}
    for name, value in pairs:
        values = (value,) if isinstance(value, int) else tuple(value)
        if name in found and found[name] != values:
            raise BadSetting(f"{where}: two labels are called {name!r}.")
        if values and 0 not in values and name.strip():
            found[name.strip()] = values
    if not found:
        raise BadSetting(f"{where}: no label with a number above 0 and a name.")
    return found


def _json_pairs(data: Any) -> list[tuple[str, int | tuple[int, ...]]]:
    labels = data.get("labels", data) if isinstance(data, dict) else data
    if not isinstance(labels, dict):
        raise ValueError("no mapping of labels")
    if all(isinstance(value, str) for value in labels.values()):
        return [(value, int(key)) for key, value in labels.items()]
    return [(key, _numbers(value)) for key, value in labels.items()]


def _numbers(value: Any) -> int | tuple[int, ...]:
    return tuple(int(v) for v in value) if isinstance(value, list) else int(value)


def _line_pairs(text: str) -> list[tuple[str, int]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and any(mark in lines[0] for mark in ",;\t"):
        return _csv_pairs(lines)
    return [_words_pair(shlex.split(line)) for line in lines]


def _words_pair(words: list[str]) -> tuple[str, int]:
    """ITK-SNAP: number, six settings, name. Slicer colour table: number, name, red, green, blue, alpha."""
    itk_snap = len(words) >= 8 and all(_is_number(word) for word in words[:7])
    return (" ".join(words[7:]) if itk_snap else words[1]), int(words[0])


def _csv_pairs(lines: list[str]) -> list[tuple[str, int]]:
    delimiter = max(",;\t", key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    number, name = 0, 1
    if not any(_is_number(cell) for cell in rows[0]):
        head = [cell.lower() for cell in rows.pop(0)]
        number, name = _column(head, NUMBER_COLUMNS), _column(head, NAME_COLUMNS)
    return [(row[name], int(row[number])) for row in rows]


def _column(head: list[str], names: tuple[str, ...]) -> int:
    found = next((head.index(name) for name in names if name in head), None)
    if found is None:
        raise ValueError("a column is missing")
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
