"""Scans and contours as frames, the form in which they travel to a backend and back.

Only voxels and geometry go into a frame of a scan: no header, no file name. Notes of contours that a user
sends along are left out, because they can hold anything.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.bits import pack, unpack
from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.frame_header import (
    DTYPE,
    About,
    ArrayHeader,
    BorderNote,
    Codec,
    FrameHeader,
    Grid,
    Index3,
    Kind,
    Role,
    StructureNote,
)
from AmlartContourLib.contract.frames import Frame, frame_of
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.contours import Contours, Spread
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet

Arrays = list[NDArray[np.generic]]


def grid_of(geometry: Geometry) -> Grid:
    """A geometry as it is written into a frame."""
    a, b, c, d, e, f, g, h, i = geometry.direction
    return Grid(geometry.size_ijk, geometry.spacing_mm, geometry.origin_lps, (a, b, c, d, e, f, g, h, i))


def geometry_of(grid: Grid) -> Geometry:
    """The geometry of a frame. BadGeometry where it describes no image in space."""
    return Geometry(grid.size_ijk, grid.spacing_mm, grid.origin_lps, grid.direction)


def ct_frame(hu_kji: NDArray[np.int16], geometry: Geometry, codec: Codec = Codec.NONE) -> Frame:
    """A scan as a frame."""
    header = _array_header(Role.HU, "", (0, 0, 0), geometry.shape_kji)
    return frame_of(FrameHeader(Kind.CT, grid_of(geometry), (header,)), [hu_kji], codec)


def hu_of(header: FrameHeader, arrays: Arrays) -> tuple[NDArray[np.int16], Geometry]:
    """The scan of a frame. DamagedFile where it holds contours."""
    if header.kind is not Kind.CT:
        raise DamagedFile("The frame holds no CT.")
    return arrays[0].astype(np.int16, copy=False), geometry_of(header.grid)


def context_frame(contours: StructureSet, codec: Codec = Codec.ZLIB) -> Frame:
    """Contours to send along with a scan, without their notes."""
    bare = (replace(contour, note="") for contour in contours)
    return contours_frame(Contours(StructureSet.of(contours.geometry, bare)), codec)


def contours_frame(contours: Contours, codec: Codec = Codec.ZLIB) -> Frame:
    """An engine's result as a frame: each mask cropped to its box, one bit a voxel."""
    headers: list[ArrayHeader] = []
    arrays: Arrays = []
    for contour in contours.masks:
        box = contour.mask.box
        headers.append(_array_header(Role.MASK, contour.structure_id, box.start_kji, box.shape_kji))
        arrays.append(pack(contour.mask.block_kji))
    for structure, spread in contours.spread.items():
        headers.append(_array_header(Role.SPREAD, structure, spread.box.start_kji, spread.box.shape_kji))
        arrays.append(spread.share_kji)
    grid = grid_of(contours.masks.geometry)
    return frame_of(FrameHeader(Kind.CONTOURS, grid, tuple(headers), _about(contours)), arrays, codec)


def contours_of(header: FrameHeader, arrays: Arrays) -> Contours:
    """The result in a frame. DamagedFile where it holds no contours, or none that this version knows."""
    if header.kind is not Kind.CONTOURS:
        raise DamagedFile("The frame holds no contours.")
    geometry = geometry_of(header.grid)
    about = header.about
    notes = {note.structure: note for note in about.structures}
    masks, spread = [], {}
    for array, data in zip(header.arrays, arrays, strict=True):
        note = notes.get(array.structure)
        if note is None:
            raise DamagedFile("A contour in the frame does not say where it came from.")
        box = _box(array)
        if array.role is Role.MASK:
            block = unpack(data.astype(np.uint8, copy=False), array.shape_kji)
            mask = Mask.from_block(block, box, geometry)
            masks.append(Contour(array.structure, mask, _source(note.source), note.note))
        else:
            spread[array.structure] = Spread(box, data.astype(np.uint8, copy=False), note.members)
    return Contours(
        masks=StructureSet.of(geometry, masks),
        spread=spread,
        timings_s=dict(about.timings_s or {}),
        borders=tuple(_border(note) for note in about.borders),
        findings=about.findings,
        engine=about.engine,
        engine_version=about.engine_version,
        device=about.device,
        expected=about.expected,
    )


def _array_header(role: Role, structure: str, start_kji: Index3, shape_kji: Index3) -> ArrayHeader:
    header = ArrayHeader(role, structure, DTYPE[role], start_kji, shape_kji, 0, Codec.ZLIB)
    return replace(header, codec=Codec.NONE, stored_bytes=header.raw_bytes)


def _box(array: ArrayHeader) -> Box:
    k, j, i = (a + n for a, n in zip(array.start_kji, array.shape_kji, strict=True))
    return Box(array.start_kji, (k, j, i))


def _about(contours: Contours) -> About:
    notes = []
    for contour in contours.masks:
        spread = contours.spread.get(contour.structure_id)
        members = spread.members if spread else 0
        notes.append(StructureNote(contour.structure_id, contour.source.name, contour.note, members))
    borders = (
        BorderNote(b.kind.name, b.point_lps, b.normal_lps, b.evidence, b.estimated) for b in contours.borders
    )
    return About(
        structures=tuple(notes),
        borders=tuple(borders),
        findings=contours.findings,
        timings_s=dict(contours.timings_s),
        engine=contours.engine,
        engine_version=contours.engine_version,
        device=contours.device,
        expected=contours.expected,
    )


def _border(note: BorderNote) -> LevelBorder:
    try:
        kind = BorderKind[note.kind]
    except KeyError:
        raise DamagedFile("The frame holds a level border that this version does not know.") from None
    return LevelBorder(kind, note.point_lps, note.normal_lps, note.evidence, note.estimated)


def _source(name: str) -> Source:
    try:
        return Source[name]
    except KeyError:
        raise DamagedFile("The frame holds a contour of a source that this version does not know.") from None
