"""What every reader of contours returns, and how names from outside become ids of the catalogue.

Invariants: nothing that was read is lost. A name that no alias matches, and a second contour for an id that
is already taken, stay in `others` with their voxels; `messages` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.structures import Catalogue


@dataclass(frozen=True)
class ImportedContours:
    """Contours read from files.

    structures: those whose names the catalogue knows. unknown: names that no alias matched. others: voxels by
    name of the unknown ones and of second contours for a taken id. messages: sentences for the user about
    what was skipped, moved or kept aside.
    """

    structures: StructureSet
    unknown: tuple[str, ...] = ()
    others: Mapping[str, Mask] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "others", MappingProxyType(dict(self.others)))


def with_unlisted(
    sets: Sequence[ImportedContours], catalogue: Catalogue
) -> tuple[tuple[StructureSet, ...], Catalogue]:
    """Sets that also hold what the catalogue has no name for, and a catalogue with an entry for each.

    A name means one structure in all sets. Second contours for a taken id stay aside.
    """
    book = catalogue.with_unlisted(name for one in sets for name in one.unknown)
    filled = []
    for one in sets:
        known = {name: book.find(name) for name in dict.fromkeys(one.unknown)}
        own = [Contour(s.id, one.others[name], Source.IMPORTED) for name, s in known.items() if s]
        filled.append(one.structures.with_contours(*own))
    return tuple(filled), book


def gather(
    named: Iterable[tuple[str, Mask]],
    geometry: Geometry,
    catalogue: Catalogue,
    *,
    note: str = "",
    messages: Iterable[str] = (),
) -> ImportedContours:
    """Contours with names from outside, mapped through the catalogue's aliases in the order given.

    Of two names for one id the first that is not empty wins. `note` goes to every contour, for provenance.
    Raises GeometryMismatch where a mask lies on another grid.
    """
    taken: dict[str, tuple[str, Mask]] = {}
    unknown: list[str] = []
    others: dict[str, Mask] = {}
    said = list(messages)
    for name, mask in named:
        known = catalogue.find(name)
        if known is None:
            unknown.append(name)
            others[_free(name, others)] = mask
        elif known.id not in taken or (taken[known.id][1].is_empty and not mask.is_empty):
            taken[known.id] = (name, mask)
        else:
            first = taken[known.id][0]
            others[_free(name, others)] = mask
            said.append(f"{name!r} and {first!r} both mean {known.display_name}; {first!r} is used.")
    if unknown:
        said.append(f"No structure of the catalogue is called {', '.join(map(repr, unknown))}: kept aside.")
    contours = (Contour(i, mask, Source.IMPORTED, note) for i, (_, mask) in taken.items())
    return ImportedContours(StructureSet.of(geometry, contours), tuple(unknown), others, tuple(said))


def _free(name: str, used: Mapping[str, Mask]) -> str:
    candidate, number = name, 2
    while candidate in used:
        candidate, number = f"{name} ({number})", number + 1
    return candidate
