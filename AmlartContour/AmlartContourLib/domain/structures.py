"""The catalogue: what every structure is called, coded, coloured and allowed to overlap.

The data is Resources/Structures/catalogue.json; this file gives it types and answers questions. Ids are
stable: they are written to scenes and provenance files.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from AmlartContourLib.contract.errors import BadSetting, UnknownStructure

ROI_NAME_LENGTH = 16  # characters; what planning systems widely accept


class Role(Enum):
    """What a structure is for. Member names are written to files: never rename one."""

    ORGAN = "organ"
    GTV = "GTV"
    CTV_PART = "CTV part"
    NODAL_LEVEL = "nodal level"
    COMPOSITE = "composite"
    PTV = "PTV"
    LANDMARK = "landmark"
    OTHER = "not in the catalogue"


@dataclass(frozen=True)
class Code:
    """One coded term: scheme designator (SCT, DCM), value, meaning."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Structure:
    """One entry of the catalogue.

    `tg263_name` is the name of the TG-263 list, or None where that list has none; `roi_name` is what files
    carry by default, at most 16 characters. `priority` orders structures where rules must choose: 1 is kept
    first. `may_overlap` holds ids, or "*" for every structure.
    """

    id: str
    display_name: str
    tg263_name: str | None
    roi_name: str
    aliases: tuple[str, ...]
    role: Role
    colour_rgb: tuple[int, int, int]
    code: Code | None
    category: Code
    laterality: Code | None
    rt_roi_type: str
    tolerance_mm: float
    may_overlap: frozenset[str]
    priority: int

    def allows_overlap_with(self, other: Structure) -> bool:
        """True when this entry or the other's permits the two to share voxels."""
        return bool({"*", other.id} & self.may_overlap or {"*", self.id} & other.may_overlap)


class Catalogue(Mapping[str, Structure]):
    """All structures by id, and the way from any spelling to an id."""

    def __init__(self, structures: tuple[Structure, ...], version: str) -> None:
        self.version = version
        self._by_id = {structure.id: structure for structure in structures}
        self._by_spelling: dict[str, str] = {}
        for structure in structures:
            for name in (structure.id, structure.display_name, structure.roi_name, *structure.aliases):
                key = spelling_key(name)
                owner = self._by_spelling.setdefault(key, structure.id)
                if owner != structure.id:
                    raise BadSetting(f"The name {name!r} belongs to {owner} and {structure.id} at once.")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Catalogue:
        """From the parsed catalogue file. BadSetting where an entry is incomplete or a name is ambiguous."""
        try:
            return cls(tuple(_structure(entry, data) for entry in data["structures"]), str(data["version"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadSetting(f"The structure catalogue cannot be used: {error!r}.") from error

    def __getitem__(self, structure_id: str) -> Structure:
        try:
            return self._by_id[structure_id]
        except KeyError:
            raise UnknownStructure(
                f"{structure_id!r} is no structure of the catalogue.",
                advice="`amlart structures` lists them.",
            ) from None

    def __contains__(self, structure_id: object) -> bool:
        return structure_id in self._by_id

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, name: str) -> Structure | None:
        """The structure that any known spelling means, or None."""
        structure_id = self._by_spelling.get(spelling_key(name))
        return self._by_id[structure_id] if structure_id else None

    def resolve(self, name: str) -> Structure:
        """The structure that a spelling means; UnknownStructure, with near names, where there is none."""
        found = self.find(name)
        if found:
            return found
        key = spelling_key(name)
        near = sorted({i for spelling, i in self._by_spelling.items() if key and key[:4] == spelling[:4]})
        hint = f"Did you mean {', '.join(near)}?" if near else "`amlart structures` lists all names."
        raise UnknownStructure(f"{name!r} is no structure of the catalogue.", advice=hint)

    def with_unlisted(self, names: Iterable[str]) -> Catalogue:
        """A catalogue that also holds a plain entry, without a code, for each name that this one lacks."""
        entries = list(self._by_id.values())
        taken = {entry.roi_name.casefold() for entry in entries} | set(self._by_id)
        for key, name in {spelling_key(name): name for name in reversed(list(names))}.items():
            if key and key not in self._by_spelling:
                entry = _unlisted(name, taken)
                taken |= {entry.id, entry.roi_name.casefold()}
                entries.append(entry)
        return Catalogue(tuple(entries), self.version)

    def with_role(self, *roles: Role) -> tuple[Structure, ...]:
        """Structures of these roles, in the catalogue's order."""
        return tuple(structure for structure in self._by_id.values() if structure.role in roles)


def spelling_key(name: str) -> str:
    """A name without accents, case, spaces and punctuation, so "Node, L" and "node_l" are the same."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    return re.sub(r"[\W_]+", "", letters)


def _unlisted(name: str, taken: set[str]) -> Structure:
    """An entry for a name from outside: id and ROI name that are free, its type told by its first letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    stem = re.sub(r"\W+", "_", plain) or spelling_key(name)
    tries = (stem[:ROI_NAME_LENGTH], *(f"{stem[: ROI_NAME_LENGTH - 3]}_{n}" for n in range(2, 100)))
    roi_name = next(word for word in tries if word.casefold() not in taken)
    kind = name.strip()[:3].upper()
    return Structure(
        id=roi_name.casefold(),
        display_name=name,
        tg263_name=None,
        roi_name=roi_name,
        aliases=(),
        role=Role.OTHER,
        colour_rgb=(150, 150, 150),
        code=None,
        category=Code("SCT", "91723000", "Anatomical Structure"),
        laterality=None,
        rt_roi_type=kind if kind in ("GTV", "CTV", "PTV") else "",
        tolerance_mm=2.0,
        may_overlap=frozenset({"*"}),
        priority=99,
    )


def _structure(entry: Mapping[str, Any], data: Mapping[str, Any]) -> Structure:
    red, green, blue = (int(c) for c in entry["colour_rgb"])
    side = entry.get("laterality")
    return Structure(
        id=entry["id"],
        display_name=entry["display_name"],
        tg263_name=entry["tg263_name"],
        roi_name=entry["roi_name"],
        aliases=tuple(entry["aliases"]),
        role=Role[entry["role"]],
        colour_rgb=(red, green, blue),
        code=Code(**entry["code"]) if entry.get("code") else None,
        category=Code(**data["categories"][entry["category"]]),
        laterality=Code(**data["lateralities"][side]) if side else None,
        rt_roi_type=entry["rt_roi_type"],
        tolerance_mm=float(entry["tolerance_mm"]),
        may_overlap=frozenset(entry["may_overlap"]),
        priority=int(entry["priority"]),
    )
