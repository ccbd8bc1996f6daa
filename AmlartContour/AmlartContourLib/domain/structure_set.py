"""A set of contours of one patient on one grid, DICOM's "structure set". Overlap is allowed everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask


class Source(Enum):
    """Where a contour came from. Member names are written to files: never rename one."""

    IMPORTED = "imported from a file"
    DRAWN = "drawn by hand"
    GUIDELINE = "by guideline rules"
    MODEL = "by a network"
    DERIVED = "derived from other contours"
    COMPOSED = "composed of chosen parts"
    PHANTOM = "truth of a synthetic phantom"


@dataclass(frozen=True)
class Contour:
    """One structure: its catalogue id, its voxels, its source, and a note for the reader."""

    structure_id: str
    mask: Mask
    source: Source
    note: str = ""


@dataclass(frozen=True)
class StructureSet:
    """Contours by catalogue id, all on one geometry. Immutable: every change returns a new set."""

    geometry: Geometry
    contours: Mapping[str, Contour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for contour in self.contours.values():
            self.geometry.require_same(contour.mask.geometry, f"The contour {contour.structure_id}")
        object.__setattr__(self, "contours", MappingProxyType(dict(self.contours)))

    @classmethod
    def of(cls, geometry: Geometry, contours: Iterable[Contour]) -> StructureSet:
        """From contours; a later one with the same id replaces an earlier."""
        return cls(geometry, {contour.structure_id: contour for contour in contours})

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids in the order they were added."""
        return tuple(self.contours)

    def __contains__(self, structure_id: object) -> bool:
        return structure_id in self.contours

    def __iter__(self) -> Iterator[Contour]:
        return iter(self.contours.values())

    def __len__(self) -> int:
        return len(self.contours)

    def mask(self, structure_id: str) -> Mask:
        """The voxels of a structure; an empty mask when the set has none (an absent part is normal)."""
        contour = self.contours.get(structure_id)
        return contour.mask if contour else Mask.empty(self.geometry)

    def has(self, structure_id: str) -> bool:
        """True when the structure is there and not empty."""
        return not self.mask(structure_id).is_empty

    def with_contours(self, *contours: Contour) -> StructureSet:
        """A new set with these added or replaced."""
        return replace(self, contours={**self.contours, **{c.structure_id: c for c in contours}})

    def reordered(self, order: Reorder) -> StructureSet:
        """The same contours on a grid of another order of axes."""
        moved = [replace(contour, mask=contour.mask.reordered(order)) for contour in self]
        return StructureSet.of(order.geometry(self.geometry), moved)

    def only(self, ids: Iterable[str]) -> StructureSet:
        """A new set with those of the ids that are there, in the order given."""
        return replace(self, contours={i: self.contours[i] for i in ids if i in self.contours})
