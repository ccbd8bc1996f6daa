"""The parametrium edited back to the level of vagina that is included."""

from __future__ import annotations

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.vagina import VaginalAxis


def edit_back(parametrium: Mask, whole_vagina: Mask, included_vagina: Mask) -> Mask:
    """The parametrium, or one side of it, less all that lies below the included vagina's lowest corner.

    The plane is at right angles to the axis of the whole vagina. Without an included vagina there is no level
    to edit back to: the parametrium stays whole.
    """
    if included_vagina.is_empty:
        return parametrium
    axis = VaginalAxis.of(whole_vagina)
    return axis.above(parametrium, axis.lowest_mm(included_vagina))
