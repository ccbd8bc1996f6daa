"""One segmentation node whose segments are masks by catalogue id, and which of them others have changed.

A segment is written whole or cleared, and every write is checked: Slicer's logic leaves the old voxels in
place when it is given an empty image. Each has a layer of its own. What others changed is told by the layers'
modification times, so no observer is needed, and none can be left behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import slicer
import vtk

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.scene.labelmaps import image_of, mask_of
from AmlartContourLib.scene.logics import SceneLogics
from AmlartContourLib.scene.look import Look

SOURCE_TAG, NOTE_TAG = "AmlartContour.Source", "AmlartContour.Note"
BINARY = "Binary labelmap"
CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"


class Segments:
    """The segments of one node. `geometry` is the CT's; None only before a patient is shown."""

    def __init__(self, logics: SceneLogics, node: Any, geometry: Geometry) -> None:
        self.node = node
        self._logic = logics.segmentations
        self._geometry = geometry
        self._known: dict[str, int] = {}

    def show(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """Writes those of the ids that the set holds, and removes the others."""
        for structure_id in ids:
            if structure_id in contours:
                self._write(contours.contours[structure_id], looks[structure_id])
            else:
                if self._segmentation.GetSegment(structure_id) is not None:
                    self._segmentation.RemoveSegment(structure_id)
                self._known.pop(structure_id, None)

    def ids(self) -> tuple[str, ...]:
        """Ids of all segments, in their order."""
        return tuple(self._segmentation.GetSegmentIDs())

    def edited(self) -> tuple[str, ...]:
        """Ids whose label map was changed since it was written or read here, that came, or that went."""
        there = {structure_id: self._changed_at(structure_id) for structure_id in self.ids()}
        ids = dict.fromkeys((*self._known, *there))
        return tuple(i for i in ids if self._known.get(i) != there.get(i))

    def mask(self, structure_id: str) -> Mask | None:
        """The voxels of a segment, None where there is none; from now on it counts as known.
        GeometryMismatch where it lies on another grid."""
        if self._segmentation.GetSegment(structure_id) is None:
            return None
        image = slicer.vtkOrientedImageData()
        self.node.GetBinaryLabelmapRepresentation(structure_id, image)
        mask = mask_of(image, self._geometry)
        self._known[structure_id] = self._changed_at(structure_id)
        return mask

    def contours(self) -> StructureSet:
        """All segments as contours, with the sources and notes kept with them."""
        found = []
        for structure_id in self.ids():
            segment = self._segmentation.GetSegment(structure_id)
            mask = self.mask(structure_id) or Mask.empty(self._geometry)
            source = _tag(segment, SOURCE_TAG)
            known = Source[source] if source in Source.__members__ else Source.IMPORTED
            found.append(Contour(structure_id, mask, known, _tag(segment, NOTE_TAG)))
        return StructureSet.of(self._geometry, found)

    @property
    def _segmentation(self) -> Any:
        return self.node.GetSegmentation()

    def _write(self, contour: Contour, look: Look) -> None:
        structure_id, mask = contour.structure_id, contour.mask
        segment = self._segmentation.GetSegment(structure_id)
        if segment is None:
            segment = self._add(structure_id, look)
        if mask.is_empty:
            done = self._logic.ClearSegment(self.node, structure_id)
        else:
            done = self._logic.SetBinaryLabelmapToSegment(
                image_of(mask), self.node, structure_id, self._logic.MODE_REPLACE
            )
        if not done:
            raise AmlartError(
                f"The scene did not take the contour {structure_id}.",
                kept="The contour itself is unchanged.",
                advice="Close the patient and open it again.",
            )
        segment.SetTag(SOURCE_TAG, contour.source.name)
        segment.SetTag(NOTE_TAG, contour.note)
        self._known[structure_id] = self._changed_at(structure_id)

    def _add(self, structure_id: str, look: Look) -> Any:
        """A new empty segment. Slicer puts it on a layer that another has, and touches that one in parting
        them."""
        clean = set(self._known) - set(self.edited())
        colour = [channel / 255 for channel in look.colour_rgb]
        self._segmentation.AddEmptySegment(structure_id, look.name, colour)
        segment = self._segmentation.GetSegment(structure_id)
        segment.SetTerminology(terminology(look))
        self._segmentation.SeparateSegmentLabelmap(structure_id)
        self._known |= {other: self._changed_at(other) for other in clean}
        return segment

    def _changed_at(self, structure_id: str) -> int:
        image = self._segmentation.GetSegment(structure_id).GetRepresentation(BINARY)
        return int(image.GetMTime()) if image is not None else 0


def terminology(look: Look) -> str:
    """A segment's terminology entry as Slicer writes it: context, category, type, and no modifiers."""
    code = look.code
    kind = f"{code.scheme}^{code.value}^{code.meaning}" if code else "^^"
    category = f"{look.category.scheme}^{look.category.value}^{look.category.meaning}"
    return f"{CONTEXT}~{category}~{kind}~^^~~^^~^^"


def _tag(segment: Any, name: str) -> str:
    text = vtk.reference("")
    return str(text.get()) if segment.GetTag(name, text) else ""
