"""Adding a MONAI bundle: its configuration read as data, its weights by the restricted loader, once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import safetensors.torch
from torch import Tensor

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.manifest import NetworkChoice
from inference_backend.models.networks import build
from inference_backend.models.pack_labels import named
from inference_backend.models.pack_reading import require_fit
from inference_backend.models.pack_source import licence_text, opened
from inference_backend.models.restricted import plain_data
from inference_backend.models.wish import WEIGHTS_FILE, Wish, written
from inference_backend.monai_bundle.description import AXES, MONAI_FILE, MonaiModel
from inference_backend.monai_bundle.source import INFERENCE, METADATA, VISTA, Source, read_source

NESTED = ("model", "state_dict", "network")
FLAGGED = re.compile(rb"non-?commercial|research (?:or|and) evaluation", re.IGNORECASE)
MODEL = "monai_bundle"
UNTOLD = "1"  # the version where the user gives none


@dataclass(frozen=True)
class Choices:
    """What the user says instead of the bundle. `labels`: see `pack_labels.named`. `weights`: file below
    `models`."""

    labels: Mapping[str, str] = field(default_factory=dict)
    spacing_mm: tuple[float, float, float] | None = None
    weights: str = "model.pt"


def add_monai(source: Path, wish: Wish, choices: Choices) -> MonaiModel:
    """The model of a bundle's folder or a zip of one. InputRefused, DamagedFile or BadSetting where it cannot
    be used as it is."""
    if not wish.licence:
        raise BadSetting("The model's licence is not told.", advice="Give its name after --licence.")
    with opened(source, (INFERENCE, METADATA, choices.weights)) as root:
        found = read_source(root)
        text = licence_text(found.folder) or licence_text(root)
        within = "network.network." if found.network == VISTA else "network."  # see `monai_wrapped`
        state = {within + name: one for name, one in _state(found.folder, choices.weights).items()}
        if re.search(FLAGGED, text or b"") or found.network == VISTA:
            wish = replace(wish, research_only=True)
        names = named(tuple(found.labels), "", choices.labels, set(), catalogue())
        if not names.gives:
            raise InputRefused(
                f"None of this model's labels is in the catalogue: {', '.join(names.left_out)}.",
                advice="Say what they are: --map 'label=structure'.",
            )
        choice = _choice(found, names.gives)
        network = build(choice.name, 1, len(names.gives), choice.arguments)
        require_fit(network, state, choices.weights)
        wish = _completed(wish, found)

        def make(folder: Path) -> MonaiModel:
            safetensors.torch.save_file(state, folder / WEIGHTS_FILE)
            return MonaiModel(
                **wish.card(),  # type: ignore[arg-type]  # the fields of every description
                weights=file_in_bundle(folder / WEIGHTS_FILE),
                network=choice,
                gives=names.gives,
                left_out=names.left_out,
                spacing_mm=_spacing(found, choices),
                window_hu=found.picture.window_hu,
                patch_kji=found.window,
                overlap=found.overlap,
                training_data=found.told[:4000],
                licence_text=wish.kept_licence(folder, text),
            )

        return written(wish, MONAI_FILE, make)


def _completed(wish: Wish, found: Source) -> Wish:
    """With the bundle's own title and version where the user gave none."""
    version = found.version if re.fullmatch(NAME, found.version) else wish.version
    return replace(
        wish,
        title=found.title if wish.title == wish.id else wish.title,
        version=version if wish.version == UNTOLD else wish.version,
    )


def _choice(found: Source, gives: Mapping[str, str]) -> NetworkChoice:
    if not re.fullmatch(AXES, found.picture.axes):
        raise InputRefused(f"Its axes {found.picture.axes} are none of a patient.")
    arguments: dict[str, object] = {
        "network": found.network,
        "arguments": dict(found.arguments),
        "outputs": found.outputs,
        "channels": [found.labels[label] for label in gives],
        "exclusive": found.exclusive,
        "axes": found.picture.axes,
        "values": list(found.picture.values),
    }
    return NetworkChoice(MODEL, arguments)


def _spacing(found: Source, choices: Choices) -> tuple[float, float, float]:
    spacing = choices.spacing_mm or found.picture.spacing_mm
    if spacing is None:
        raise BadSetting(
            "The spacing of this bundle is a program, which is not run.",
            advice="Give it in mm: --spacing 1.5,1.5,1.5.",
        )
    return spacing


def _state(folder: Path, name: str) -> dict[str, Tensor]:
    """A network's weights, alone or where MONAI's savers put them. DamagedFile where it holds none."""
    path = folder / "models" / name
    if path.name != name or not path.is_file():
        raise InputRefused(
            f"The bundle has no models/{path.name}.",
            advice="Fetch its weights; TorchScript (.ts) is a program and is not run.",
        )
    data = plain_data(path)
    while isinstance(data, dict) and len(data) and not _is_state(data):
        inner = next((data[name] for name in NESTED if isinstance(data.get(name), dict)), None)
        if inner is None:
            break
        data = inner
    if not isinstance(data, dict) or not data or not _is_state(data):
        raise DamagedFile(f"{path.name} does not hold a network's weights.")
    return {
        str(name).removeprefix("module."): tensor.detach().clone().contiguous()
        for name, tensor in data.items()
    }


def _is_state(data: Mapping[object, object]) -> bool:
    return all(isinstance(name, str) and isinstance(value, Tensor) for name, value in data.items())
