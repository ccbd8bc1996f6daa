"""What nnU-Net trained as an engine: the trained folders of a run become an added model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.models.pack import Pack
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.training.nnunet.commands import RESULTS
from inference_backend.training.nnunet.plan import CONTROL, NnUNetPlan

OWN_LICENCE = "Internal use"


def licence_of(plan: NnUNetPlan, told: str | None) -> str:
    """The licence of the trained weights: as told, the site's own, or that of the weights it started from.

    BadSetting where it started from weights whose licence nobody tells: it may bind what comes of them.
    """
    if told:
        return told
    if plan.start is None:
        return OWN_LICENCE
    if not plan.start.licence:
        raise BadSetting(
            f"The licence of {plan.start.name} is not told, and it may bind what is trained from it.",
            advice="Give its name after --licence.",
        )
    return f"From weights under {plan.start.licence}"


def control_wish(wish: Wish) -> Wish:
    """How the control from scratch is called; it owes nothing to the weights that the other started from."""
    title = f"{wish.title} (control from scratch)"
    return replace(wish, id=f"{wish.id}-control", title=title, licence=OWN_LICENCE, research_only=False)


def pack_nnunet(run: Path, wish: Wish, tell: Callable[[float, str], None], *, control: bool = False) -> Pack:
    """Adds the run's trained folders as a model of its own. ExportFailed where one of that id is there."""
    return add_model([run / (CONTROL if control else RESULTS)], wish, tell)
