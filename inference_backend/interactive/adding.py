"""Adding an interactive model: a trained folder of nnInteractive, or the address of a server of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors.torch

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused
from inference_backend.interactive.about import ABOUT, OLD_ABOUT, kinds_of, prompts_of, ways_of
from inference_backend.interactive.description import (
    INTERACTIVE_FILE,
    Folder,
    Interactive,
    Ways,
    require_server,
)
from inference_backend.interactive.sessions import ANSWERS, SCAN_CHANNELS, close, remote_session
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.pack_reading import require_fit
from inference_backend.models.pack_source import (
    DATASET,
    PLANS,
    WANTED,
    licence_text,
    opened,
    trained_folders,
)
from inference_backend.models.wish import WEIGHTS_FILE, Wish, written
from inference_backend.nnunet.architecture import architecture_of
from inference_backend.nnunet.checkpoint import Checkpoint, read_checkpoint
from inference_backend.nnunet.plans import inherited, parsed
from inference_backend.nnunet.unet import NnUNet

OFFICIAL = "Dataset225_nnInteractive"  # published by its authors under the licence below
OFFICIAL_LICENCE = "CC BY-NC-SA 4.0"
NON_COMMERCIAL = re.compile(r"\bNC\b|non-?commercial|research", re.IGNORECASE)
UNKNOWN = ("", "!!MISSING!!")
MAPS = 7  # of the finest stage, held at once: 6.8 GB measured with windows of 192 voxels a side


@dataclass(frozen=True, eq=False)
class _Trained:
    """What was read of a trained folder. `texts`: plans.json and dataset.json by name."""

    checkpoint: Checkpoint
    texts: Mapping[str, bytes]
    licence: bytes | None
    official: bool
    ways: Ways
    window: tuple[int, int, int]
    working_bytes: int


def add_folder(source: Path, gives: tuple[str, ...], wish: Wish, *, autozoom: bool = True) -> Interactive:
    """The model of a trained folder or a zip of one. InputRefused or DamagedFile where it cannot be used;
    BadSetting where nobody tells its licence."""
    with opened(source, (*WANTED, ABOUT, OLD_ABOUT)) as root:
        trained = _read(root)
    usual = OFFICIAL_LICENCE if trained.official else ""
    told = _told(wish, _first_line(trained.licence) or usual)

    def make(folder: Path) -> Interactive:
        safetensors.torch.save_file(dict(trained.checkpoint.weights), folder / WEIGHTS_FILE)
        for name, content in trained.texts.items():
            (folder / name).write_bytes(content)
        return Interactive(
            **told.card(),  # type: ignore[arg-type]  # the fields of every description
            gives=gives,
            prompts=prompts_of(trained.ways),
            folder=Folder(
                weights=file_in_bundle(folder / WEIGHTS_FILE),
                plans=file_in_bundle(folder / PLANS),
                dataset=file_in_bundle(folder / DATASET),
                configuration=trained.checkpoint.configuration,
                trainer=trained.checkpoint.trainer,
                window=trained.window,
                working_bytes=trained.working_bytes,
                ways=trained.ways,
            ),
            autozoom=autozoom,
            licence_text=told.kept_licence(folder, trained.licence),
        )

    return written(told, INTERACTIVE_FILE, make)


def _read(root: Path) -> _Trained:
    """The one trained folder below a root, its weights seen to fit."""
    found = trained_folders(root)
    if len(found) > 1 or len(found[0].checkpoints) > 1:
        raise InputRefused("There are several models or folds.", advice="Give the folder of one fold.")
    folder, path = found[0].folder, found[0].checkpoints[0]
    ways, checkpoint = ways_of(folder), read_checkpoint(path)
    texts = {name: (folder / name).read_bytes() for name in (PLANS, DATASET)}
    plans = parsed(texts[PLANS], PLANS)
    try:
        settings = inherited(plans, checkpoint.configuration)
        a, b, c = (int(side) for side in settings["patch_size"])  # type: ignore[attr-defined]  # see below
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{PLANS} does not say which window the network sees.") from error
    architecture = architecture_of(settings)
    network = NnUNet(architecture, SCAN_CHANNELS + ways.channels, ANSWERS)
    require_fit(network, dict(checkpoint.weights), path.name)
    return _Trained(
        checkpoint=checkpoint,
        texts=texts,
        licence=licence_text(folder) or licence_text(root),
        official=str(plans.get("dataset_name", "")).startswith(OFFICIAL),
        ways=ways,
        window=(a, b, c),
        working_bytes=math.prod((a, b, c)) * architecture.features[0] * 4 * MAPS,
    )


def add_server(url: str, gives: tuple[str, ...], wish: Wish) -> Interactive:
    """The model that a server holds; it must run, to say what it takes and under which licence."""
    try:
        require_server(url)
    except ValueError as error:
        raise BadSetting(f"This server cannot be used: {error}.") from error
    session = remote_session(url)
    try:
        prompts, licence = kinds_of(session.supported_interactions), str(session.license or "")
    finally:
        close(session)
    told = _told(wish, licence)

    def make(folder: Path) -> Interactive:
        return Interactive(
            **told.card(),  # type: ignore[arg-type]  # the fields of every description
            gives=gives,
            prompts=prompts,
            server=url,
            licence_text=told.kept_licence(folder),
        )

    return written(told, INTERACTIVE_FILE, make)


def _told(wish: Wish, licence: str) -> Wish:
    """What was said, and what the model itself says where nothing was; flagged where its terms say so."""
    name = wish.licence or ("" if licence in UNKNOWN else licence)
    if not name:
        raise BadSetting("The model's licence is not told.", advice="Give its name after --licence.")
    flagged = wish.research_only or NON_COMMERCIAL.search(f"{name} {licence}") is not None
    return replace(wish, licence=name, research_only=flagged)


def _first_line(text: bytes | None) -> str:
    lines = (text or b"").decode("utf-8", errors="replace").splitlines()
    return next((line.strip()[:200] for line in lines if line.strip()), "")
