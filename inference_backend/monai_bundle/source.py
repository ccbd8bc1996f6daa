"""What a MONAI bundle's files say of its network, of what that sees, and of what its answers mean.

Read are `network_def`, the preprocessing, the inferer and the postprocessing of inference.json, and the
channels of metadata.json. A step that is not known here is refused by name: left out, it would show the
network another picture than it was trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import InputRefused
from inference_backend.monai_bundle.safe_config import Config, read_config

INFERENCE, METADATA, WEIGHTS = "inference.json", "metadata.json", "model.pt"
DEPTH = 3
VISTA = "vista3d"
NETWORKS = {"SegResNet": "monai_segresnet", "SwinUNETR": "monai_swin_unetr", "UNet": "monai_unet"}
VISTA_CALL = re.compile(r"^\$monai\.networks\.nets\.vista3d132\(in_channels=(@\w+|1)\)\s*$")
"""The one expression that is known: VISTA3D's network as its published bundle writes it."""
WITHOUT_EFFECT = {
    "LoadImaged", "EnsureTyped", "EnsureChannelFirstd", "CastToTyped", "ToTensord", "ToDeviced",
    "VistaPreTransformd", "CropForegroundd",
}  # fmt: skip
"""Steps that change no value of the picture; a crop to the body is made here too."""
INFERERS = ("SlidingWindowInferer", "Vista3dInferer")
VISTA_RETIRED = {2, 16, 18, *range(20, 22), *range(23, 28), *range(128, 133)}
"""Classes that VISTA3D has numbers for and its published bundle never asks for, the rectum among them."""
DROPPED = ("img_size", "use_checkpoint")  # of older releases of MONAI, and without effect here
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Picture:
    """What the network sees. `spacing_mm`: along x, y, z of `axes`; None where it is a program. `window_hu`:
    the HU that become the ends of `values`; None where it is the scan's own range."""

    axes: str
    spacing_mm: Triple | None
    window_hu: tuple[float, float] | None
    values: tuple[float, float]


@dataclass(frozen=True)
class Source:
    """A bundle. `labels`: number of an output channel, or of a class to ask for, by its name; without the
    background. `exclusive`: the largest channel decides; otherwise each above one half. `outputs`: of the
    network."""

    folder: Path
    title: str
    version: str
    told: str
    network: str
    arguments: Mapping[str, object]
    outputs: int
    labels: Mapping[str, int]
    exclusive: bool
    picture: Picture
    window: tuple[int, int, int]
    overlap: float


def bundle_folder(root: Path) -> Path:
    """The bundle below a folder, or it itself. InputRefused where there is none or several."""
    found = sorted(
        {
            path.parents[1]
            for depth in range(DEPTH)
            for path in root.glob("*/" * depth + f"configs/{METADATA}")
        }
    )
    if len(found) != 1:
        raise InputRefused(
            "There is no MONAI bundle: none with configs/metadata.json."
            if not found
            else "There are several MONAI bundles.",
            advice="Choose the folder of one bundle.",
        )
    if not (found[0] / "configs" / INFERENCE).is_file():
        raise InputRefused(
            f"The bundle {found[0].name} has no configs/{INFERENCE}.",
            advice="Write its configuration as JSON: YAML is not read.",
        )
    return found[0]


def read_source(root: Path) -> Source:
    """A bundle. InputRefused, naming what, where it cannot be repeated here."""
    folder = bundle_folder(root)
    inference = read_config(folder / "configs" / INFERENCE)
    metadata = read_config(folder / "configs" / METADATA)
    try:
        network, arguments = _network(inference)
        exclusive = _is_exclusive(inference, network)
        labels, outputs = _labels(metadata)
        if network == VISTA:
            labels = {name: number for name, number in labels.items() if number not in VISTA_RETIRED}
        inferer = _inferer(inference)
        x, y, z = (int(side) for side in inferer["roi_size"])  # type: ignore[attr-defined]  # caught below
        return Source(
            folder=folder,
            title=str(metadata.raw("name") or metadata.raw("task") or folder.name),
            version=str(metadata.raw("version") or "1"),
            told=str(metadata.raw("data_source") or "not told"),
            network=network,
            arguments=arguments,
            outputs=int(arguments.pop("out_channels", outputs)),  # type: ignore[call-overload]
            labels=labels,
            exclusive=exclusive,
            picture=_picture(inference),
            window=(z, y, x),
            overlap=float(inferer.get("overlap", 0.25)),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputRefused(f"The bundle {folder.name} cannot be used: {error} is not understood.") from error


def _network(config: Config) -> tuple[str, dict[str, object]]:
    written = config.raw("network_def")
    if isinstance(written, str) and VISTA_CALL.match(written):
        return VISTA, {}
    found = config.get("network_def")
    if not isinstance(found, Mapping) or _name(found) not in NETWORKS:
        raise InputRefused(
            f"Its network is {_name(found) if isinstance(found, Mapping) else 'not told'}.",
            advice=f"Known are {', '.join(NETWORKS)} and VISTA3D.",
        )
    arguments = {key: value for key, value in found.items() if key not in ("_target_", *DROPPED)}
    if arguments.pop("spatial_dims", 3) != 3 or arguments.pop("in_channels", 1) != 1:
        raise InputRefused("Its network does not see one picture in space.")
    return NETWORKS[_name(found)], arguments


def _picture(config: Config) -> Picture:
    axes, spacing = "RAS", None
    window: tuple[float, float] | None = None
    values: tuple[float, float] | None = None
    normalised = False
    for step in _steps(config, "preprocessing"):
        name = _name(step)
        if name == "Orientationd":
            axes = str(config.plain(step["axcodes"], "axcodes"))
        elif name == "Spacingd":
            spacing = _spacing(config, step["pixdim"])
        elif name == "ScaleIntensityRanged":
            low, high, least, most = (
                _number(config, step, end) for end in ("a_min", "a_max", "b_min", "b_max")
            )
            if not step.get("clip"):
                raise InputRefused("Its intensities are scaled without a limit.")
            window, values = (low, high), (least, most)
        elif name == "ScaleIntensityd" and window is None:
            values, normalised = (_number(config, step, "minv"), _number(config, step, "maxv")), False
        elif name == "NormalizeIntensityd" and values is None:
            normalised = True  # a shift and a stretch, both undone where the scan's own range is scaled
        elif name not in WITHOUT_EFFECT:
            raise InputRefused(f"Its preprocessing has the step {name}, which is not known here.")
    if values is None or normalised:
        raise InputRefused(
            "Its intensities are scaled in no way that is known.",
            advice="Known are ScaleIntensityRanged and ScaleIntensityd.",
        )
    return Picture(axes, spacing, window, values)


def _spacing(config: Config, value: object) -> Triple | None:
    try:
        x, y, z = (float(mm) for mm in config.plain(value, "pixdim"))  # type: ignore[attr-defined]
    except InputRefused:  # a program: the user says what it gives
        return None
    return x, y, z


def _is_exclusive(config: Config, network: str) -> bool:
    if network == VISTA:
        return False
    for step in _steps(config, "postprocessing"):
        if _name(step) == "AsDiscreted" and step.get("argmax"):
            return True
        if _name(step) == "Activationsd" and step.get("sigmoid"):
            return False
    raise InputRefused("Its postprocessing does not say how channels become structures.")


def _labels(metadata: Config) -> tuple[dict[str, int], int]:
    described = metadata.get("network_data_format")
    output = described["outputs"]["pred"]  # type: ignore[index]  # what is no mapping is caught above
    labels = {str(name): int(number) for number, name in output["channel_def"].items()}
    own = {name: number for name, number in labels.items() if name.strip().lower() != "background"}
    if not own or len(own) > 512 or min(own.values()) < 0:
        raise ValueError("channel_def")
    return own, int(output.get("num_channels", len(labels)))


def _inferer(config: Config) -> Mapping[str, object]:
    found = config.raw("inferer")
    if not isinstance(found, Mapping) or _name(found) not in INFERERS:
        raise InputRefused("Its inferer is not known.", advice=f"Known are {' and '.join(INFERERS)}.")
    return {key: config.plain(found[key], key) for key in ("roi_size", "overlap") if key in found}


def _steps(config: Config, part: str) -> Iterator[Mapping[str, object]]:
    """The transforms of a part that are not switched off, as they are written."""
    found = config.row(part)
    steps = found.get("transforms") if isinstance(found, Mapping) else found
    if isinstance(steps, str):  # `$@preprocessing_transforms`, as VISTA3D's bundle writes it
        steps = config.row(steps.strip().lstrip("$").lstrip("@"))
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        raise InputRefused(f"Its {part} is no list of steps.")
    yield from (step for step in steps if not step.get("_disabled_"))


def _number(config: Config, step: Mapping[str, object], name: str) -> float:
    return float(str(config.plain(step[name], name)))


def _name(step: Mapping[str, object]) -> str:
    return str(step.get("_target_", "")).rpartition(".")[2]
