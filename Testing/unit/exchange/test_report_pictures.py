"""Pictures follow the radiological convention whatever the array's order, in true proportions."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.ndimage import binary_dilation, binary_fill_holes

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.report.data import ReportData
from AmlartContourLib.exchange.report.drawing import BORDER_HALF_MM, INNER_MM, Line, border_line, picture
from AmlartContourLib.exchange.report.pictures import make_pictures
from AmlartContourLib.exchange.report.slice_choice import choose_slices, fullest
from AmlartContourLib.exchange.report.styles import LEAST_BRIGHTNESS, on_dark
from AmlartContourLib.exchange.report.view import Plane, View
from AmlartContourLib.exchange.resources import catalogue
from support.report_case import borders, report_case
from support.shapes import DIRECTIONS, ball, centre, grid

REORDERS = [
    Reorder((0, 1, 2), (True, True, False)),
    Reorder((0, 1, 2), (True, False, True)),
    Reorder((2, 0, 1), (False, False, False)),
    Reorder((1, 2, 0), (True, True, False)),
]
SIDES = {  # where a ball beyond the middle in this direction shows: plane, right half, lower half
    "left": ((1, 0, 0), [(Plane.AXIAL, True, None), (Plane.CORONAL, True, None)]),
    "posterior": ((0, 1, 0), [(Plane.AXIAL, None, True), (Plane.SAGITTAL, True, None)]),
    "superior": ((0, 0, 1), [(Plane.CORONAL, None, False), (Plane.SAGITTAL, None, False)]),
}


def empty_scan(geometry: Geometry) -> CtScan:
    return CtScan(np.full(geometry.shape_kji, -1000, np.int16), geometry)


def view_of(geometry: Geometry, **masks: Mask) -> View:
    contours = (Contour(i, m, Source.DRAWN) for i, m in masks.items())
    return View.of(empty_scan(geometry), StructureSet.of(geometry, contours))


def whole(view: View) -> Box:
    return Box((0, 0, 0), view.geometry.shape_kji)


def pixels(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(png))[..., :3]


@pytest.mark.parametrize("direction", [d for d in DIRECTIONS if d != "oblique"])
@pytest.mark.parametrize("side", SIDES)
def test_the_patients_sides_are_where_the_convention_puts_them(direction: str, side: str) -> None:
    geometry = grid((40, 38, 30), (2.0, 2.0, 2.0), direction)
    step, expectations = SIDES[side]
    organ = ball(geometry, centre(geometry) + 14 * np.asarray(step), 6)
    scan = CtScan(np.where(organ.to_array(), 1000, -1000).astype(np.int16), geometry)
    view = View.of(scan, StructureSet.of(geometry, [Contour("bladder", organ, Source.DRAWN)]))
    for plane, right, lower in expectations:
        line = Line(view.masks["bladder"], (255, 0, 0), 3.0)
        image = pixels(picture(view, plane, fullest(view.masks["bladder"], plane), whole(view), [line]))
        red = (image[..., 0] > 0.8) & (image[..., 1] < 0.2)
        white = binary_fill_holes(red) & ~binary_dilation(red, iterations=4)
        assert white.any()
        assert image[white].min() > 0.9  # the CT lies where its contour does
        rows, columns = (
            np.flatnonzero(red.any(axis=axis)).mean() / n for axis, n in zip((1, 0), red.shape, strict=True)
        )
        assert right is None or (columns > 0.5) == right
        assert lower is None or (rows > 0.5) == lower


@pytest.mark.parametrize("order", REORDERS)
def test_the_same_patient_gives_the_same_pictures_in_any_array_order(order: Reorder) -> None:
    data = replace(report_case(), editing=None)
    scan = data.scan
    turned = ReportData(
        data.catalogue,
        data.structures.reordered(order),
        data.record,
        data.written,
        CtScan(order.array(scan.hu_kji), order.geometry(scan.geometry)),
        replace(
            data.composition,
            composites=data.composition.composites.reordered(order),
            used=data.composition.used.reordered(order),
        ),
    )
    assert make_pictures(turned) == make_pictures(data)


@pytest.mark.parametrize("plane", Plane)
def test_a_picture_has_the_proportions_of_the_patient(plane: Plane) -> None:
    view = view_of(grid((30, 20, 10), (1.0, 2.5, 4.0)))
    i, j, k = 30.0, 50.0, 40.0
    across, along = {Plane.AXIAL: (i, j), Plane.CORONAL: (i, k), Plane.SAGITTAL: (j, k)}[plane]
    height, width = pixels(picture(view, plane, 3, whole(view), [])).shape[:2]
    assert height / width == pytest.approx(along / across, abs=2 / width)


def test_a_contour_line_runs_between_the_voxels_inside_and_outside() -> None:
    geometry = grid((20, 20, 3), (1.0, 1.0, 1.0))
    array = np.zeros(geometry.shape_kji, bool)
    array[1, 5:15, 5:15] = True
    view = view_of(geometry, bladder=Mask.from_array(array, geometry))
    line = Line(view.masks["bladder"], (255, 0, 0), 1.0)
    image = pixels(picture(view, Plane.AXIAL, 1, whole(view), [line]))
    red = (image[..., 0] > 0.8) & (image[..., 1] < 0.2)
    columns = np.flatnonzero(red.any(axis=0)) / red.shape[1] * 20
    assert columns.min() == pytest.approx(5, abs=0.1)
    assert columns.max() == pytest.approx(15, abs=0.1)


def test_a_contour_at_the_edge_of_the_image_is_closed() -> None:
    geometry = grid((20, 20, 3), (1.0, 1.0, 1.0))
    view = view_of(geometry, bladder=Mask.from_array(np.ones(geometry.shape_kji, bool), geometry))
    image = pixels(
        picture(view, Plane.AXIAL, 1, whole(view), [Line(view.masks["bladder"], (255, 0, 0), 6.0)])
    )
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert ((edge[:, 0] > 0.8) & (edge[:, 1] < 0.2)).mean() > 0.8


def test_a_level_border_is_drawn_at_its_height() -> None:
    geometry = grid((36, 32, 24), (1.5, 1.5, 3.0))
    view = view_of(geometry)
    aortic, tilted, left, midline = borders(geometry)
    x, y, z = centre(geometry) - np.asarray(geometry.origin_lps)  # mm along the image's own axes
    middle = {Plane.CORONAL: round(y / 1.5), Plane.SAGITTAL: round(x / 1.5)}
    coronal = border_line(view, Plane.CORONAL, middle[Plane.CORONAL], aortic)
    assert coronal == pytest.approx(np.array([[x - BORDER_HALF_MM, z + 15], [x + BORDER_HALF_MM, z + 15]]))
    sided = border_line(view, Plane.CORONAL, middle[Plane.CORONAL], left)
    assert sided == pytest.approx(np.array([[x + 10 - INNER_MM, z - 9], [x + 10 + BORDER_HALF_MM, z - 9]]))
    slope = border_line(view, Plane.SAGITTAL, middle[Plane.SAGITTAL], tilted)
    assert (slope[1, 1] - slope[0, 1]) / (slope[1, 0] - slope[0, 0]) == pytest.approx(-0.2)
    upright = border_line(view, Plane.CORONAL, middle[Plane.CORONAL], midline)
    assert upright[:, 0] == pytest.approx([x, x])
    assert border_line(view, Plane.SAGITTAL, middle[Plane.SAGITTAL], midline) is None


def test_a_tilted_border_is_drawn_where_it_meets_the_slice() -> None:
    geometry = grid((36, 32, 24), (1.5, 1.5, 3.0))
    x, y, z = centre(geometry)
    tilted = LevelBorder(BorderKind.AORTIC_BIFURCATION, (x, y, z), (0, 0.5, 1), "tilted", False)
    view = view_of(geometry)
    index = 4
    ends = border_line(view, Plane.CORONAL, index, tilted)
    height = ends[0, 1] + geometry.origin_lps[2]
    depth = geometry.origin_lps[1] + index * 1.5
    assert 0.5 * (depth - y) + (height - z) == pytest.approx(0)


def test_slices_are_spread_over_the_target_and_go_through_its_fullest_parts() -> None:
    geometry = grid((40, 40, 60), (2.0, 2.0, 2.0))
    middle = centre(geometry)
    view = view_of(
        geometry,
        ctv=ball(geometry, middle, 25),
        ctvp=ball(geometry, middle + np.array([6, 0, 0]), 10),
        ctvn=ball(geometry, middle + np.array([0, 8, 0]), 10),
        vagina=ball(geometry, middle - np.array([0, 0, 40]), 10),
    )
    choices = choose_slices(view, catalogue())
    axial = [c.index for c in choices if c.plane is Plane.AXIAL]
    box = view.masks["ctv"].box
    assert axial == sorted(axial, reverse=True)
    assert len(axial) == 6
    assert box.start_kji[0] <= axial[-1] < axial[0] < box.stop_kji[0]
    assert max(np.diff(axial[::-1])) - min(np.diff(axial[::-1])) <= 1
    sagittal = {c.why: c.index for c in choices if c.plane is Plane.SAGITTAL}
    assert set(sagittal) == {"holds most of the CTVp", "holds most of the CTVn"}
    for structure_id, index in zip(("ctvp", "ctvn"), sagittal.values(), strict=True):
        counts = view.masks[structure_id].to_array().sum(axis=(0, 1))
        assert counts[index] == counts.max()


def test_slices_with_most_to_redraw_are_shown_apart_from_each_other() -> None:
    worst = dict(make_pictures(report_case()).worst)
    assert set(worst) == {"Uterus", "Anorectum", "Pelvic nodes"}
    heights = {
        name: sorted(float(p.caption.split(",")[1].removesuffix("mm")) for p in pictures)
        for name, pictures in worst.items()
    }
    assert len(heights["Anorectum"]) == 1  # all its slices lie within 10 mm of the worst one
    assert len(heights["Pelvic nodes"]) in (2, 3)
    assert all(b - a >= 10 for a, b in pairwise(heights["Pelvic nodes"]))


def test_without_contours_the_middle_of_the_scan_is_shown() -> None:
    view = view_of(grid((10, 12, 14)))
    assert {(c.plane, c.index) for c in choose_slices(view, catalogue())} == {
        (Plane.AXIAL, 7),
        (Plane.CORONAL, 6),
        (Plane.SAGITTAL, 5),
    }


def test_a_thin_target_is_shown_slice_by_slice() -> None:
    geometry = grid((20, 20, 20))
    array = np.zeros(geometry.shape_kji, bool)
    array[8:10, 5:9, 5:9] = True
    view = view_of(geometry, ctvn=Mask.from_array(array, geometry))
    assert [c.index for c in choose_slices(view, catalogue()) if c.plane is Plane.AXIAL] == [9, 8]


def test_pictures_show_the_body_and_leave_the_couch_out() -> None:
    geometry = grid((60, 60, 12), (2.0, 2.0, 5.0))
    hu = np.full(geometry.shape_kji, -1000, np.int16)
    hu[:, 15:40, 15:45] = 40
    hu[:, 52, 5:55] = 100
    body = View.of(CtScan(hu, geometry), StructureSet(geometry)).body
    assert body.start_kji[1] in range(10, 16)
    assert body.stop_kji[1] in range(40, 47)
    assert (body.start_kji[0], body.stop_kji[0]) == (0, 12)


def test_sides_of_a_level_and_landmarks_are_listed_but_not_drawn() -> None:
    drawn = report_case().drawn.ids
    assert "ln_pelvic" in drawn
    assert "ln_pelvic_left" not in drawn
    assert "sacrum" not in drawn
    alone = replace(report_case(), composition=None).drawn.ids
    assert "ln_pelvic" in alone
    assert "ln_pelvic_left" not in alone


def test_every_colour_of_the_catalogue_can_be_seen_on_a_dark_picture() -> None:
    for structure in catalogue().values():
        red, green, blue = on_dark(structure.colour_rgb)
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue >= LEAST_BRIGHTNESS - 1
        assert max(red, green, blue) <= 255
