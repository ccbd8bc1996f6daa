"""Composites of the phantom's truth: nodal levels, CTVn, CTVp, high-risk CTV, CTV.

Rules of PRODUCT.md that hold by construction: CTVn, CTVp and anorectum are pairwise disjoint (1); CTVp is
cervix, GTVp, uterus and vagina (4); CTVn is GTVn and the three levels (5). Bladder may overlap CTVn (3).
"""

from __future__ import annotations

from collections.abc import Mapping

from AmlartContourLib.domain.mask import Mask, union
from inference_backend.phantom import anatomy, nodes, vessels
from inference_backend.phantom.anatomy import SIDES
from inference_backend.phantom.frame import Canvas
from inference_backend.phantom.pieces import Shape, cut

EXCLUDED = (
    *anatomy.BONES,
    *anatomy.NAMED_MUSCLES,
    *anatomy.BOWEL,
    "body:muscles",
    "body:pelvic_wall",
    "body:discs",
    "kidney_left",
    "kidney_right",
    "anorectum",
)
PELVIC_PARTS = ("ln_external_iliac", "ln_internal_iliac", "ln_obturator", "ln_presacral")
LEVELS = ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")


def compose_truth(canvas: Canvas, drawn: Mapping[str, Mask]) -> dict[str, Mask]:
    """Every composite and nodal level, without those the specification leaves out."""
    missing = canvas.spec.missing

    def joined(*masks: Mask) -> Mask:
        return union(list(masks), canvas.geometry)

    made: dict[str, Mask] = {}
    made["ctv_hr"] = joined(drawn["cervix"], drawn["gtvp"])
    made["ctvp"] = joined(made["ctv_hr"], drawn["uterus"], drawn["vagina"])
    made["parametrium"] = joined(drawn["parametrium_left"], drawn["parametrium_right"])
    levels = _levels(canvas, drawn, made["ctvp"])
    made |= {name: mask for name, mask in levels.items() if name not in missing}
    groups = (made.get(name, Mask.empty(canvas.geometry)) for name in LEVELS)
    made["ctvn"] = joined(drawn["gtvn"], *groups)
    made["ctv"] = joined(made["ctvp"], made["ctvn"], made["parametrium"])
    return {name: mask for name, mask in made.items() if name not in missing}


def _levels(canvas: Canvas, drawn: Mapping[str, Mask], ctvp: Mask) -> dict[str, Mask]:
    excluded = union([ctvp, *(drawn[name] for name in EXCLUDED)], canvas.geometry)
    sided: dict[str, dict[str, Mask]] = {}
    for side in SIDES:
        for name, shapes in _side_shapes(side).items():
            drawn_parts = [canvas.draw(shape, grow) for shape, grow in shapes]
            mask = (union(drawn_parts, canvas.geometry) & drawn["body"]) - excluded
            sided.setdefault(name, {})[side] = mask
    pelvic = {side: union([sided[n][side] for n in PELVIC_PARTS], canvas.geometry) for side in SIDES}
    sided["ln_pelvic"] = pelvic
    levels: dict[str, Mask] = {}
    for name, masks in sided.items():
        levels[name] = masks["left"] | masks["right"]
        levels |= {f"{name}_{side}": mask for side, mask in masks.items()}
    return levels


def _side_shapes(side: str) -> dict[str, tuple[tuple[Shape, float], ...]]:
    """Shapes of each level of one side, with the margin each is grown by."""
    margin, split = nodes.MARGIN_MM, vessels.SPLIT_Z
    top = vessels.AORTIC_BIFURCATION[2]
    half = 1 if side == "left" else -1
    common = (*vessels.common_artery(side), *vessels.common_vein(side))
    cava = cut(vessels.inferior_vena_cava(), high_z=top, side=half)
    external = (*vessels.external_artery(side), *vessels.external_vein(side))
    internal = (*vessels.internal_artery(side), *vessels.internal_vein(side))
    para = nodes.para_aortic
    return {
        "ln_paraaortic": (
            (para(vessels.aorta(), half), nodes.AORTIC_MARGIN_MM),
            (para(vessels.inferior_vena_cava(), half), margin),
            (para(nodes.para_aortic_fill(), half), 0.0),
        ),
        "ln_common_iliac": (
            (cut(common, split, top), margin),
            (cava, margin),
            (cut(nodes.common_iliac_fill(side), split, top), 0.0),
        ),
        "ln_external_iliac": ((cut(external, nodes.EXTERNAL_BOTTOM_Z, split), margin),),
        "ln_internal_iliac": ((cut((*internal, *common), nodes.INTERNAL_BOTTOM_Z, split), margin),),
        "ln_obturator": ((nodes.obturator(side), 0.0),),
        "ln_presacral": ((cut(nodes.presacral(), high_z=split, side=half), 0.0),),
    }
