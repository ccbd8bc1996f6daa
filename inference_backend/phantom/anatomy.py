"""Draws every organ of one patient on one grid, in an order that settles who keeps a shared voxel.

Vessels keep theirs against bones and muscles, the anorectum against the female organs, these against the
bladder, and bowel fills what is left. Overlaps that PRODUCT's rules allow (parametrium, bladder in a nodal
level) are left in. Names are catalogue ids; names with a colon ("femur_left:cortex") are for the picture
only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from AmlartContourLib.domain.mask import Mask, union
from inference_backend.phantom import abdominal_organs, bones, muscles, nodes, vessels
from inference_backend.phantom.frame import Canvas
from inference_backend.phantom.lofts import barrel
from inference_backend.phantom.pelvic_organs import ANORECTAL_JUNCTION_Z, PelvicOrgans
from inference_backend.phantom.pieces import Shape, cut, mirrored

SIDES = ("left", "right")
SKIN_MM = 2.0
WALL_MM = 3.0
COUCH_HALF_WIDTH_MM, COUCH_HALF_DEPTH_MM, COUCH_SHELL_MM = 255.0, 19.0, 3.0
RETROPERITONEUM_MM = 6.0  # fat round the great vessels that no bowel enters
FEMALE_ORGANS = ("cervix", "gtvp", "uterus", "vagina")
NAMED_MUSCLES = tuple(
    f"{name}_{side}"
    for name in ("iliopsoas", "gluteus_maximus", "gluteus_medius", "gluteus_minimus")
    for side in SIDES
)
BONES = (
    *(name for name in bones.VERTEBRAE),
    "vertebra_s1",
    "sacrum",
    *(f"{name}_{side}" for name in ("hip", "femur") for side in SIDES),
)
VESSELS = (
    "aorta",
    "inferior_vena_cava",
    *(f"{name}_{side}" for name in ("iliac_artery", "iliac_vein") for side in SIDES),
)
BOWEL = ("sigmoid", "colon", "duodenum", "small_bowel")


class Drawing:
    """Masks by name, drawn one after the other on one canvas; structures the patient lacks stay empty."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.masks: dict[str, Mask] = {}

    def put(self, name: str, shape: Shape, *, grow_mm: float = 0.0, minus: Iterable[str] = ()) -> None:
        """Draws a shape under a name, without the voxels of those already drawn."""
        owner = name.split(":")[0]
        if owner in self.canvas.spec.missing:
            self.masks[name] = Mask.empty(self.canvas.geometry)
            return
        mask = self.canvas.draw(shape, grow_mm)
        for other in minus:
            mask = mask - self.masks[other]
        self.masks[name] = mask

    def put_inside(self, name: str, shape: Shape, owner: str, *, grow_mm: float = 0.0) -> None:
        """Draws the part of a shape that lies in another structure."""
        self.put(name, shape, grow_mm=grow_mm)
        self.masks[name] = self.masks[name] & self.masks[owner]


def draw_patient(canvas: Canvas) -> dict[str, Mask]:
    """Every structure but the nodal levels and composites, by name."""
    drawing = Drawing(canvas)
    _body(drawing)
    _couch(drawing)
    _vessels(drawing)
    _bones(drawing)
    _muscles(drawing)
    _pelvis(drawing)
    _abdomen(drawing)
    return drawing.masks


def _body(drawing: Drawing) -> None:
    fat = drawing.canvas.spec.fat_mm
    skin = (muscles.trunk(fat), muscles.leg_left(fat), muscles.leg_left(fat).mirrored())
    drawing.put("body", skin)
    drawing.put("body:fat", skin, grow_mm=-SKIN_MM)
    drawing.put("body:cavity", (muscles.cavity(),))
    ring = cut((muscles.cavity(),), 62.0)
    drawing.put("body:wall", ring, grow_mm=muscles.WALL_MM, minus=("body:cavity",))
    drawing.put("body:rectus", muscles.wall())
    drawing.put("body:muscles", muscles.other_muscles())
    drawing.put("body:pelvic_wall", muscles.pelvic_wall())


def _couch(drawing: Drawing) -> None:
    """A table top under the lowest part of the body. It belongs to the scanner: no pose or warp moves it."""
    spec = drawing.canvas.spec
    if not spec.couch:
        return
    down = -1.0 if spec.patient_position.is_prone else 1.0
    body = drawing.masks["body"]
    some = np.argwhere(body.block_kji[::3, ::3, ::3]) * 3 + body.box.start_kji
    touch = float((drawing.canvas.geometry.index_to_lps(some[:, ::-1])[:, 1] * down).max())
    middle = down * (touch + COUCH_HALF_DEPTH_MM + 3.0) - spec.heads_lps[1]
    row = (0.0, middle, COUCH_HALF_WIDTH_MM, COUCH_HALF_DEPTH_MM, COUCH_HALF_DEPTH_MM)
    top = (barrel((-500.0, *row), (600.0, *row), power=6),)
    room = replace(spec, pose_deg=(0.0, 0.0, 0.0), body_scale=(1.0, 1.0, 1.0), warp_mm=0.0)
    room_canvas = Canvas(room, drawing.canvas.geometry)
    drawing.masks["couch"] = room_canvas.draw(top) - body
    drawing.masks["couch:foam"] = room_canvas.draw(top, -COUCH_SHELL_MM) - body


def _vessels(drawing: Drawing) -> None:
    drawing.put("aorta", vessels.aorta())
    drawn = ["aorta"]
    for name, shape in (
        ("iliac_artery_left", vessels.iliac_artery("left")),
        ("iliac_artery_right", vessels.iliac_artery("right")),
        ("inferior_vena_cava", vessels.inferior_vena_cava()),
        ("iliac_vein_left", vessels.iliac_vein("left")),
        ("iliac_vein_right", vessels.iliac_vein("right")),
    ):
        drawing.put(name, shape, minus=drawn)
        drawn.append(name)
    others = (*vessels.femoral("left"), *vessels.femoral("right"), *vessels.renal())
    drawing.put("body:vessels", others, minus=drawn)
    common = (*vessels.common_artery("left"), *vessels.common_artery("right"))
    near = (*vessels.aorta(), *vessels.inferior_vena_cava(), *common)
    drawing.put("body:retroperitoneum", near, grow_mm=RETROPERITONEUM_MM)


def _bones(drawing: Drawing) -> None:
    drawing.put("spinal_cord", bones.canal())
    for name in bones.VERTEBRAE:
        _bone(drawing, name, bones.vertebra(name), minus=("spinal_cord", *VESSELS))
    drawing.put("body:joints", (*bones.joint_space(), *mirrored(bones.joint_space())))
    for side in SIDES:
        _bone(drawing, f"femur_{side}", _sided(bones.femur_left(), side))
        _bone(drawing, f"hip_{side}", _sided(bones.hip_left(), side), minus=("body:joints", *VESSELS))
    hips = ("hip_left", "hip_right")
    drawing.put("body:foramina", bones.sacral_foramina())
    _bone(drawing, "vertebra_s1", bones.s1_body(), minus=("spinal_cord", "vertebra_l5", *VESSELS))
    holes = ("spinal_cord", "vertebra_l5", "vertebra_s1", "body:foramina", *hips, *VESSELS)
    _bone(drawing, "sacrum", bones.sacrum(), minus=holes)
    drawing.put("body:discs", bones.discs(), minus=BONES)
    drawing.put("body:ribs", (*bones.ribs_left(), *mirrored(bones.ribs_left())))


def _bone(drawing: Drawing, name: str, shape: Shape, minus: Iterable[str] = ()) -> None:
    drawing.put(name, shape, minus=minus)
    drawing.put_inside(f"{name}:marrow", shape, name, grow_mm=-bones.CORTEX_MM)


def _muscles(drawing: Drawing) -> None:
    hard = (*BONES, *VESSELS, "body:joints", "body:discs")
    for side in SIDES:
        drawing.put(f"iliopsoas_{side}", _sided(muscles.iliopsoas_left(), side), minus=hard)
        drawn = [*hard]
        for name, shape in (
            ("gluteus_maximus", muscles.gluteus_maximus_left()),
            ("gluteus_medius", muscles.gluteus_medius_left()),
            ("gluteus_minimus", muscles.gluteus_minimus_left()),
        ):
            drawing.put(f"{name}_{side}", _sided(shape, side), minus=drawn)
            drawn.append(f"{name}_{side}")


def _pelvis(drawing: Drawing) -> None:
    organs = PelvicOrgans(drawing.canvas.spec)
    up = _upwards(drawing.canvas)
    drawing.put("anorectum", organs.anorectum(), minus=("spinal_cord", *BONES))
    drawing.put_inside("rectum", cut(organs.anorectum(), ANORECTAL_JUNCTION_Z), "anorectum")
    drawing.put_inside("anorectum:content", organs.anorectum(), "anorectum", grow_mm=-WALL_MM - 1.0)
    for name, shape in (
        ("gtvp", organs.tumour()),
        ("cervix", organs.cervix()),
        ("uterus", organs.uterus()),
        ("vagina", organs.vagina()),
    ):
        drawing.put(name, shape, minus=("anorectum", *BONES, *VESSELS))
    walls = (*BONES, "body:pelvic_wall", "body:rectus")
    drawing.put("bladder", organs.bladder(), minus=(*FEMALE_ORGANS, "anorectum", *walls))
    drawing.put_inside("bladder:urine", organs.bladder(), "bladder", grow_mm=-WALL_MM)
    drawing.put("body:urethra", organs.urethra())
    edge = (*walls, *NAMED_MUSCLES, "anorectum", "bladder")
    drawing.put("parametrium_left", organs.parametrium_left(), minus=edge)
    drawing.put("parametrium_right", organs.parametrium_right(), minus=edge)
    spec = drawing.canvas.spec
    taken = (*FEMALE_ORGANS, "anorectum", *BONES, *VESSELS)
    drawing.put("gtvn", nodes.gtvn(spec.lymph_nodes, spec.node_radius_mm), minus=taken)
    loops = abdominal_organs.sigmoid(spec, organs.rectum_end, up)
    _hollow(drawing, "sigmoid", loops, (*taken, "bladder", "gtvn", *NAMED_MUSCLES))


def _abdomen(drawing: Drawing) -> None:
    spec, up = drawing.canvas.spec, _upwards(drawing.canvas)
    solid = (*FEMALE_ORGANS, "anorectum", "bladder", "gtvn", "sigmoid", *BONES, *VESSELS, *NAMED_MUSCLES)
    for name, kidney in abdominal_organs.KIDNEYS.items():
        drawing.put(f"{name}:sinus", abdominal_organs.kidney_sinus(name), minus=solid)
        drawing.put(name, (kidney,), minus=(*solid, f"{name}:sinus"))  # open at the hilum
    solid = (*solid, *abdominal_organs.KIDNEYS, "body:muscles", "body:wall")
    drawing.put("duodenum", abdominal_organs.duodenum(), minus=solid)
    solid = (*solid, "duodenum", "body:retroperitoneum")
    _hollow(drawing, "colon", abdominal_organs.colon(spec, up), solid)
    solid = (*solid, "colon")
    _hollow(drawing, "small_bowel", abdominal_organs.small_bowel(spec, up), solid)
    space = drawing.canvas.draw((abdominal_organs.bowel_space(),))
    bag = union([space, *(drawing.masks[name] for name in BOWEL)], drawing.canvas.geometry)
    for name in (n for n in solid if n not in BOWEL):
        bag = bag - drawing.masks[name]
    bag = bag & drawing.masks["body:cavity"]
    drawing.masks["bowel_bag"] = Mask.empty(bag.geometry) if "bowel_bag" in spec.missing else bag
    for name, shape in abdominal_organs.upper_organs().items():
        drawing.put(f"body:{name}", shape, minus=("kidney_left", "kidney_right", *BONES))
        drawing.masks[f"body:{name}"] = drawing.masks[f"body:{name}"] & drawing.masks["body:cavity"]
    tube = abdominal_organs.nasogastric_tube() if spec.nasogastric_tube else ()
    drawing.put("body:tube", tube)


def _hollow(drawing: Drawing, name: str, loops: abdominal_organs.Loops, minus: Iterable[str]) -> None:
    drawing.put(name, loops.shape, minus=minus)
    drawing.masks[name] = drawing.masks[name] & drawing.masks["body:cavity"]
    drawing.put_inside(f"{name}:content", loops.shape, name, grow_mm=-WALL_MM)
    drawing.put_inside(f"{name}:gas", loops.bubbles, f"{name}:content")


def _upwards(canvas: Canvas) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Away from the couch, in the body frame: where gas collects."""
    return canvas.body_direction((0.0, 1.0 if canvas.spec.patient_position.is_prone else -1.0, 0.0))


def _sided(shape: Shape, side: str) -> Shape:
    return shape if side == "left" else mirrored(shape)
