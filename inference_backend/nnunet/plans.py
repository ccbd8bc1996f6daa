"""What a trained folder's plans.json says of one configuration, typed; what cannot be repeated here is
refused.

`a` is the order of the network's axes: the scan's k, j, i, moved about by `forward`. Spacing and window
are in that order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from inference_backend.nnunet.architecture import Architecture, architecture_of

Index3 = tuple[int, int, int]
Triple = tuple[float, float, float]
RESAMPLING = "resample_data_or_seg_to_shape"
MOST_SIDE = 1024
TEXT_BYTES = 16 << 20  # of a plans.json or dataset.json; TotalSegmentator's largest has some 10 kB
AXES = (0, 1, 2)


class Scheme(Enum):
    """How HU become the network's values; member values are nnU-Net's names."""

    CT = "CTNormalization"
    Z_SCORE = "ZScoreNormalization"
    NONE = "NoNormalization"
    ZERO_TO_ONE = "RescaleTo01Normalization"


@dataclass(frozen=True)
class Intensities:
    """Of the training data's foreground, in HU."""

    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Resampling:
    """Spline orders in the plane and across slices. `apart`: slices resampled apart from the plane; None to
    do so where the spacing asks for it."""

    order: int
    across: int = 0
    apart: bool | None = None


@dataclass(frozen=True)
class Plans:
    """One configuration of a plans file."""

    configuration: str
    architecture: Architecture
    window_a: Index3
    spacing_a_mm: Triple
    forward: Index3
    backward: Index3
    scheme: Scheme
    intensities: Intensities
    image: Resampling
    outputs: Resampling


def parsed(text: bytes, what: str) -> Mapping[str, object]:
    """A JSON object. DamagedFile, naming what it is, where it is none."""
    if len(text) > TEXT_BYTES:
        raise DamagedFile(f"The {what} is too long to be one.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"The {what} is not JSON.") from error
    if not isinstance(data, dict):
        raise DamagedFile(f"The {what} holds no JSON object.")
    return data


def plans_of(data: Mapping[str, object], dataset: Mapping[str, object], configuration: str) -> Plans:
    """One configuration. BadSetting, saying what, where it cannot be repeated here."""
    one_channel(dataset)
    try:
        found = inherited(data, configuration)
        if found.get("previous_stage") or found.get("previous_stage_name"):
            raise _refused("it is the second stage of a cascade")
        if len(list(found["patch_size"])) != 3:  # type: ignore[call-overload]  # caught below
            raise _refused("it is a 2D configuration")
        return Plans(
            configuration=configuration,
            architecture=architecture_of(found),
            window_a=_window(found["patch_size"]),
            spacing_a_mm=_spacing(found["spacing"]),
            forward=_axes(data.get("transpose_forward", AXES)),
            backward=_axes(data.get("transpose_backward", AXES)),
            scheme=_scheme(found),
            intensities=_intensities(data),
            image=_resampling(found, "data", 3),
            outputs=_resampling(found, "probabilities", 1),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise _refused(f"{error} is missing or not understood") from error


def configurations(data: Mapping[str, object]) -> tuple[str, ...]:
    """The names of a plans file's configurations."""
    found = data.get("configurations")
    return tuple(map(str, found)) if isinstance(found, Mapping) else ()


def inherited(data: Mapping[str, object], name: str) -> dict[str, object] | dict[str, list[float]]:
    """One configuration with what it inherits from others filled in."""
    found = data["configurations"]
    if not isinstance(found, Mapping) or name not in found:
        raise _refused(f"there is no configuration {name}")
    chain, settings = [name], dict(found[name])
    while "inherits_from" in settings:
        parent = settings.pop("inherits_from")
        if parent in chain or parent not in found:
            raise _refused("a configuration inherits from itself")
        chain.append(parent)
        settings = {**found[parent], **settings}
    return settings


def one_channel(dataset: Mapping[str, object]) -> None:
    """BadSetting unless the network sees one image."""
    channels = dataset.get("channel_names", dataset.get("modality"))
    if not isinstance(channels, Mapping) or len(channels) != 1:
        raise _refused("it needs more than one image")


def _window(value: object) -> Index3:
    sides = [int(n) for n in value]  # type: ignore[attr-defined]  # what is no list of numbers is caught above
    if not all(1 <= side <= MOST_SIDE for side in sides):
        raise _refused("its window has no usable size")
    a, b, c = sides
    return a, b, c


def _spacing(value: object) -> Triple:
    a, b, c = (float(mm) for mm in value)  # type: ignore[attr-defined]  # see above
    if not all(0.05 <= mm <= 50 for mm in (a, b, c)):
        raise _refused("its spacing is no spacing of a CT")
    return a, b, c


def _axes(value: object) -> Index3:
    a, b, c = (int(axis) for axis in value)  # type: ignore[attr-defined]  # see above
    if sorted((a, b, c)) != [0, 1, 2]:
        raise _refused("its order of axes is none")
    return a, b, c


def _scheme(found: Mapping[str, object]) -> Scheme:
    schemes, masked = found["normalization_schemes"], found.get("use_mask_for_norm") or [False]
    name = schemes[0]  # type: ignore[index]  # what is no list is caught above
    if name not in {scheme.value for scheme in Scheme}:
        raise _refused(f"its normalisation is {name}")
    scheme = Scheme(name)
    if scheme is Scheme.Z_SCORE and masked[0]:  # type: ignore[index]  # see above
        raise _refused("its normalisation looks at a mask")
    return scheme


def _intensities(data: Mapping[str, object]) -> Intensities:
    channels = data.get("foreground_intensity_properties_per_channel")
    found = channels.get("0") if isinstance(channels, Mapping) else None
    if not found:
        return Intensities()
    return Intensities(
        float(found["mean"]),
        float(found["std"]),
        float(found["percentile_00_5"]),
        float(found["percentile_99_5"]),
    )


def _resampling(found: Mapping[str, object], what: str, usual: int) -> Resampling:
    if found.get(f"resampling_fn_{what}", RESAMPLING) != RESAMPLING:
        raise _refused(f"its resampling is {found[f'resampling_fn_{what}']}")
    settings = found.get(f"resampling_fn_{what}_kwargs") or {}
    if not isinstance(settings, Mapping):
        raise TypeError(f"resampling_fn_{what}_kwargs")
    order, across = int(settings.get("order", usual)), int(settings.get("order_z", 0))
    if not 0 <= order <= 5 or not 0 <= across <= 5:
        raise _refused("its resampling has no usable order")
    apart = settings.get("force_separate_z")
    return Resampling(order, across, None if apart is None else bool(apart))


def _refused(why: str) -> BadSetting:
    return BadSetting(
        f"This nnU-Net folder cannot be used: {why}.",
        advice="Supported are 3D configurations of nnU-Net v2 with one CT channel.",
    )
