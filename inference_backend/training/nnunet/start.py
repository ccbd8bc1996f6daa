"""Weights of a trained nnU-Net folder as the start of another training, whoever trained them.

The checkpoint is read by the restricted loader and handed on as plain tensors: nnU-Net's own way to start
from weights unpickles the file it is given, which runs whatever the file holds. Of the body every tensor is
taken; the plans go along, so the shapes fit. Of the head the rows of structures that both draw are taken, in
every resolution of deep supervision. What a row means differs: with labels the winner among rows counts,
background being one of them; with regions each row is decided alone. A label's row less that of background
is the region's, and a region's row beside a background of nought is the label's.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.known_sources import known
from inference_backend.models.pack_adding import REORIENTING_READER
from inference_backend.models.pack_labels import named
from inference_backend.models.pack_source import DATASET, PLANS, trained_folders
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.checkpoint import read_checkpoint
from inference_backend.nnunet.labels import Labels, labels_of_dataset
from inference_backend.nnunet.plans import parsed, plans_of

HEAD = ".seg_layers."
Rows = dict[int, Tensor]


@dataclass(frozen=True)
class StartFrom(Message):
    """What a training starts from: the data set's name, the checkpoint's hash, the axes of its images, and
    its licence where that is known."""

    name: str
    sha256: str
    axes: str
    licence: str


@dataclass(frozen=True, eq=False)
class Source:
    """A trained folder to start from, as read. `rows`: channel of each catalogue structure in its head."""

    told: StartFrom
    plans_file: Path
    weights: Mapping[str, Tensor]
    labels: Labels
    rows: Mapping[str, int]


def read_source(folder: Path, configuration: str, axes: str | None, fold: str | None) -> Source:
    """The trained folder at or below a path; its first fold unless one is named.

    InputRefused or DamagedFile where there is none that can be used; BadSetting where nobody says which way
    its images ran, or where it was trained in another configuration.
    """
    found = trained_folders(folder, (fold,) if fold else ())
    if len(found) > 1:
        several = ", ".join(one.dataset_name for one in found)
        raise BadSetting(f"There are several trained folders: {several}.", advice="Give the folder of one.")
    (trained,) = found
    plans = parsed((trained.folder / PLANS).read_bytes(), PLANS)
    dataset = parsed((trained.folder / DATASET).read_bytes(), DATASET)
    path = trained.checkpoints[0]
    checkpoint = read_checkpoint(path)
    if checkpoint.configuration != configuration:
        raise BadSetting(
            f"The weights were trained as {checkpoint.configuration}, and the recipe says {configuration}.",
            advice="Change the recipe's configuration.",
        )
    plans_of(plans, dataset, configuration)  # what our engine could not run later is refused now
    labels = labels_of_dataset(dataset)
    names = named(labels.names, trained.dataset_name, {}, set(), catalogue())
    origin = known(trained.dataset_name)
    by_reader = "RAS" if plans.get("image_reader_writer") == REORIENTING_READER else ""
    letters = axes or (origin.axes if origin else by_reader)
    if not letters:
        raise BadSetting(
            "The folder does not say which way the axes of its training images ran.",
            advice="Give three letters after --axes: LPS for DICOM's order, RAS for nibabel's. With a wrong "
            "choice the weights would meet mirrored patients.",
        )
    told = StartFrom(
        trained.dataset_name, sha256_of(path), Axes(letters).letters, origin.licence if origin else ""
    )
    rows = {structure: labels.channel_of[label] for label, structure in names.gives.items()}
    return Source(told, trained.folder / PLANS, checkpoint.weights, labels, rows)


def write_start(path: Path, source: Source, structures: Sequence[str]) -> tuple[str, ...]:
    """Writes the tensors for a network of these structures (regions where there are several), and returns
    those whose rows are taken."""
    shared = tuple(name for name in structures if name in source.rows)
    head = {
        name: _rows(tensor, source, structures) for name, tensor in source.weights.items() if HEAD in name
    }
    body = {name: tensor for name, tensor in source.weights.items() if HEAD not in name}
    content = io.BytesIO()
    torch.save({"body": body, "head": head}, content)
    write_file(path, content.getvalue(), replace=True)
    return shared


def _rows(tensor: Tensor, source: Source, structures: Sequence[str]) -> Rows:
    """New rows of one head tensor [row, ...], by number; see the module."""
    background = torch.zeros_like(tensor[0]) if source.labels.regions else tensor[0]
    regions = len(structures) > 1
    shared = {n: tensor[source.rows[name]] for n, name in enumerate(structures) if name in source.rows}
    if regions:
        return {n: (row - background).clone() for n, row in shared.items()}
    return {0: background.clone(), **{n + 1: row.clone() for n, row in shared.items()}} if shared else {}
