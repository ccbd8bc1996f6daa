"""What a trained folder of nnInteractive says of its prompts: inference_info.json, or the older
inference_session_class.json. Numbers and known words alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.contract.prompt import PromptKind
from inference_backend.interactive.description import SUPPORTED, Ways

ABOUT, OLD_ABOUT = "inference_info.json", "inference_session_class.json"
ABOUT_BYTES = 1 << 20
USUAL = {"points": True, "bbox2d": True, "bbox3d": False, "scribble": True, "lasso": True}
USUAL_CHANNELS = 6  # beside the present contour
OLDEST_DECAY, USUAL_DECAY = 0.9, 0.98
Words = Mapping[str, object]


def ways_of(folder: Path) -> Ways:
    """What a trained folder says. InputRefused where it says nothing, or what cannot be used."""
    for name in (ABOUT, OLD_ABOUT):
        path = folder / name
        if path.is_file() and path.stat().st_size <= ABOUT_BYTES:
            return _ways(path)
    raise InputRefused(
        f"{folder.name} has no {ABOUT}: it is no trained folder of nnInteractive.",
        advice="nnU-Net's own trained folders are added with `amlart models add`.",
    )


def prompts_of(ways: Ways) -> tuple[PromptKind, ...]:
    """Kinds of prompts that a folder takes."""
    supported = ways.capability.get("supported_interactions", {})
    return kinds_of(supported if isinstance(supported, Mapping) else {})


def kinds_of(supported: Words) -> tuple[PromptKind, ...]:
    """Kinds of prompts, from nnInteractive's words."""
    words = {**USUAL, **supported}
    return tuple(kind for word, kind in SUPPORTED.items() if words[word] is True)


def _ways(path: Path) -> Ways:
    try:
        data = json.loads(path.read_bytes())
        if path.name == OLD_ABOUT and isinstance(data, str):  # the first releases wrote a class's name alone
            return _checked({}, {"interaction_decay": OLDEST_DECAY})
        if not isinstance(data, dict):
            raise TypeError("it is no object")
        return _checked({} if path.name == OLD_ABOUT else data, data)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputRefused(f"{path.name} of the model cannot be used: {error}.") from error


def _checked(capability: Words, settings: Words) -> Ways:
    supported = capability.get("supported_interactions", {})
    if not isinstance(supported, Mapping) or not set(supported) <= set(SUPPORTED):
        raise ValueError("a kind of prompt is not known")
    if settings.get("pad_mode_image", "constant") != "constant":
        raise ValueError("its padding is not known")
    thick = settings.get("preferred_scribble_thickness", 2)
    sides = list(thick) if isinstance(thick, list) else [thick] * 3
    k, j, i = (max(1, round(float(str(side)))) for side in sides)
    return Ways(
        capability=capability,
        channels=int(str(capability.get("interaction_channels", USUAL_CHANNELS))) + 1,
        point_radius=int(str(settings.get("point_radius", 4))),
        thickness=(k, j, i),
        decay=float(str(settings.get("interaction_decay", USUAL_DECAY))),
    )
