"""Adding a model: trained nnU-Net folders become a pack below `models/`, whole or not at all.

Each checkpoint is read once, by torch's restricted loader, and kept as safetensors; plans and labels are kept
as they are. What cannot be run here is refused now, in words, and not when a patient waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused, TooLarge
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.contract.strict_json import to_plain
from AmlartContourLib.exchange.atomic import write_folder
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.card import CARD_FORMAT
from inference_backend.models.known_sources import Known, known
from inference_backend.models.pack import PACK_FILE, Origin, Pack, Part
from inference_backend.models.pack_labels import named
from inference_backend.models.pack_reading import require_fit
from inference_backend.models.pack_source import (
    DATASET,
    PLANS,
    TrainedFolder,
    licence_text,
    opened,
    trained_folders,
)
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import kept_text, require_name
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.checkpoint import Checkpoint, read_checkpoint
from inference_backend.nnunet.labels import Labels, labels_of_dataset
from inference_backend.nnunet.plans import TEXT_BYTES, Plans, parsed, plans_of
from inference_backend.nnunet.unet import NnUNet
from inference_backend.server.private_files import private_folder

STEP = 0.5  # nnU-Net's own
REORIENTING_READER = "NibabelIOWithReorient"  # of nnU-Net: turns images to RAS as it reads them


@dataclass(frozen=True)
class Wish:
    """What the user says of a model that is added; what is None is taken from the folder or from what is
    known of it. `choices`: see `pack_labels.named`. `mirrors`: False asks about no mirror image.
    `licence_note`: kept beside the weights where no text of a licence came with them."""

    id: str
    title: str | None = None
    version: str = "1"
    licence: str | None = None
    research_only: bool = False
    axes: str | None = None
    step: float | None = None
    mirrors: bool = True
    folds: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    licence_note: bytes | None = None
    origins: tuple[Origin, ...] = ()


def add_model(sources: Sequence[Path], wish: Wish, tell: Callable[[float, str], None]) -> Pack:
    """Adds the model that lies in folders and zips. BadSetting or InputRefused where it cannot be used as it
    is; ExportFailed where a model of this id is there or the disk is full."""
    require_name(wish.id)
    made: list[Pack] = []
    with ExitStack() as stack:
        roots = [stack.enter_context(opened(source)) for source in sources]
        found = tuple(one for root in roots for one in trained_folders(root, wish.folds))
        about = _About.of(found, wish)
        text = next(filter(None, map(licence_text, roots)), wish.licence_note)

        def fill(folder: Path) -> None:
            try:
                made.append(_filled(folder, found, about, text, tell))
            except ValueError as error:
                raise BadSetting(f"This model cannot be added: {error}.") from error

        private_folder(default_home())  # a backend refuses one that others can read
        write_folder(bundle_folder(wish.id), fill)
    return made[0]


@dataclass(frozen=True)
class _About:
    """What is said of a model with what is known of it; BadSetting where the licence is not told."""

    wish: Wish
    licence: str
    title: str

    @classmethod
    def of(cls, found: tuple[TrainedFolder, ...], wish: Wish) -> _About:
        origins = {known(trained.dataset_name) for trained in found}
        origin = origins.pop() if len(origins) == 1 else None
        licence = wish.licence or (origin.licence if origin else "")
        if not licence:
            raise BadSetting("The model's licence is not told.", advice="Give its name after --licence.")
        title = wish.title or (origin.title if origin else found[0].dataset_name)
        return cls(wish, licence, title)

    def axes(self, plans: Mapping[str, object], origin: Known | None) -> str:
        """Of a part's training images. BadSetting where nobody says which way they ran."""
        if self.wish.axes:
            return Axes(self.wish.axes).letters
        if origin:
            return origin.axes
        if plans.get("image_reader_writer") == REORIENTING_READER:
            return "RAS"
        raise BadSetting(
            "The folder does not say which way the axes of its training images ran.",
            advice="Give an image of the training set after --like, or three letters after --axes: LPS for "
            "DICOM's order, RAS for nibabel's. A wrong choice shows the model a mirrored patient.",
        )


def _filled(
    folder: Path,
    found: tuple[TrainedFolder, ...],
    about: _About,
    text: bytes | None,
    tell: Callable[[float, str], None],
) -> Pack:
    parts: list[Part] = []
    left_out: list[str] = []
    for number, trained in enumerate(found, 1):
        tell((number - 1) / len(found), f"Reading {trained.dataset_name}")
        taken = {one for part in parts for one in part.gives.values()}
        part, without = _part(folder, number, trained, about, taken)
        left_out += without
        parts += [part] if part else []
    if not parts:
        raise InputRefused(
            f"None of this model's labels is in the catalogue: {', '.join(left_out)}.",
            advice="Say what they are: --map 'label=structure'.",
        )
    pack = Pack(
        format=CARD_FORMAT,
        id=about.wish.id,
        version=about.wish.version,
        title=about.title,
        licence=about.licence,
        research_only=about.wish.research_only,
        parts=tuple(parts),
        left_out=tuple(left_out),
        licence_text=kept_text(folder, text),
        origins=about.wish.origins,
    )
    content = json.dumps(to_plain(pack), indent=1, ensure_ascii=False)
    (folder / PACK_FILE).write_text(content, encoding="utf-8")
    return pack


def _part(
    folder: Path, number: int, trained: TrainedFolder, about: _About, taken: set[str]
) -> tuple[Part | None, tuple[str, ...]]:
    """One trained folder as a part with its files, None where it gives nothing; the labels left out."""
    plans_text, dataset_text = (_text(trained.folder / name) for name in (PLANS, DATASET))
    plans_data, dataset = parsed(plans_text, PLANS), parsed(dataset_text, DATASET)
    labels = labels_of_dataset(dataset)
    names = named(labels.names, trained.dataset_name, about.wish.choices, taken, catalogue())
    if not names.gives:
        return None, names.left_out
    origin = known(trained.dataset_name)
    axes = about.axes(plans_data, origin)
    stem = f"part-{number}"
    (folder / f"{stem}-{PLANS}").write_bytes(plans_text)
    (folder / f"{stem}-{DATASET}").write_bytes(dataset_text)
    trainings: list[tuple[str, str, tuple[int, ...]]] = []
    folds = []
    for path in trained.checkpoints:
        checkpoint = read_checkpoint(path)
        plans = plans_of(plans_data, dataset, checkpoint.configuration)
        target = folder / f"{stem}-{path.parent.name}.safetensors"
        _convert(checkpoint, plans, labels, target, f"{path.parent.name} of {trained.dataset_name}")
        folds.append(file_in_bundle(target))
        trainings.append((checkpoint.configuration, checkpoint.trainer, checkpoint.mirrors))
    if len(set(trainings)) > 1:
        raise InputRefused(
            f"The folds of {trained.dataset_name} were trained in different ways.",
            advice="Name those of one training after --folds.",
        )
    configuration, trainer, mirrors = trainings[0]
    return Part(
        name=trained.dataset_name,
        configuration=configuration,
        trainer=trainer,
        plans=file_in_bundle(folder / f"{stem}-{PLANS}"),
        dataset=file_in_bundle(folder / f"{stem}-{DATASET}"),
        folds=tuple(folds),
        gives=names.gives,
        axes=axes,
        step=about.wish.step or (origin.step if origin else STEP),
        mirrors=mirrors if about.wish.mirrors else (),
    ), names.left_out


def _convert(checkpoint: Checkpoint, plans: Plans, labels: Labels, target: Path, what: str) -> None:
    """Writes the weights as safetensors, after they have been seen to fit."""
    require_fit(NnUNet(plans.architecture, 1, labels.channels), checkpoint.weights, what)
    safetensors.torch.save_file(dict(checkpoint.weights), target)


def _text(path: Path) -> bytes:
    try:
        if path.stat().st_size > TEXT_BYTES:
            raise TooLarge(f"{path.name} is too long to be one.")
        return path.read_bytes()
    except OSError as error:
        raise DamagedFile(f"{path.name} cannot be read ({error.strerror}).") from error
