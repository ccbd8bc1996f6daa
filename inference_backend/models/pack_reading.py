"""The networks of an added model, from its checked files."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from AmlartContourLib.contract.errors import DamagedFile
from inference_backend.models.bundle import tensors_of, verified
from inference_backend.models.manifest import BundleFile
from inference_backend.models.pack import Part
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.contouring import Trained
from inference_backend.nnunet.labels import labels_of_dataset
from inference_backend.nnunet.plans import parsed, plans_of
from inference_backend.nnunet.unet import NnUNet


def trained_part(folder: Path, part: Part) -> Trained:
    """A part's plans and labels. DamagedFile or BadSetting where they cannot be used."""
    dataset = parsed(verified(folder, part.dataset).read_bytes(), "dataset.json")
    plans = plans_of(
        parsed(verified(folder, part.plans).read_bytes(), "plans.json"), dataset, part.configuration
    )
    labels = labels_of_dataset(dataset)
    unknown = sorted(set(part.gives) - set(labels.names))
    if unknown:
        raise DamagedFile(f"The part {part.name} has no label {', '.join(unknown)}.")
    return Trained(plans, labels, Axes(part.axes), part.step, part.mirrors)


def network_of(folder: Path, trained: Trained, weights: BundleFile) -> nn.Module:
    """One fold's network, on the CPU, not training. DamagedFile where the file is another than pack.json
    says, or does not fit."""
    tensors = tensors_of(folder, weights)
    network = NnUNet(trained.plans.architecture, 1, trained.labels.channels)
    require_fit(network, tensors, weights.file)
    return network.eval().requires_grad_(False)


def require_fit(network: nn.Module, tensors: object, what: str) -> None:
    """Loads the tensors into the network. DamagedFile, naming the weights, where they do not fit."""
    try:
        network.load_state_dict(tensors, strict=True)  # type: ignore[arg-type]  # what is none is refused too
    except (RuntimeError, TypeError) as error:
        raise DamagedFile(
            f"The weights {what} do not fit the network that the plans describe.",
            kept="Nothing was loaded.",
            advice="Plans, labels and checkpoints must be those of one training.",
        ) from error
