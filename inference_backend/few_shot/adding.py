"""Adding a few-shot model: one file of weights, and labelled cases that are to be its examples.

The weights are read once, by torch's restricted loader, and kept as safetensors. The cases are put on their
cubes and kept beside them, so contouring needs neither the cohort nor its folder any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import safetensors.torch

from AmlartContourLib.contract.errors import AmlartError, BadSetting, InputRefused
from AmlartContourLib.domain.mask import Mask
from inference_backend.dataset.cohort import Cohort, CohortCase, open_cohort, read_case
from inference_backend.few_shot.description import FEW_SHOT_FILE, MAX_EXAMPLES, Example, FewShot
from inference_backend.few_shot.examples import labelled_cube, write_example
from inference_backend.few_shot.network import blocks_of, empty_network, fill
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.restricted import state_of
from inference_backend.models.wish import WEIGHTS_FILE, Wish, written
from inference_backend.training.cohort_cases import label_of

Tell = Callable[[float, str], None]


def add_few_shot(
    weights: Path,
    cases: Path,
    structures: Sequence[str],
    support_size: int,
    wish: Wish,
    tell: Tell,
    without: Collection[str] = (),
) -> tuple[FewShot, tuple[str, ...]]:
    """The model, and a sentence for each case or label that is not used. DamagedFile or InputRefused
    where weights or cohort cannot be used; BadSetting where the library is missing.

    `without`: names of cases that are to be measured later, and so must not be examples.
    """
    cohort, told = _open_without(cases, without)
    if len(cohort.labelled) > MAX_EXAMPLES:
        raise InputRefused(f"The cohort has more than {MAX_EXAMPLES} labelled cases.", advice="Give fewer.")
    tell(0.0, "Reading the weights")
    state = state_of(weights)
    blocks = blocks_of(state)
    fill(empty_network(blocks), state, weights.name)

    def make(folder: Path) -> FewShot:
        safetensors.torch.save_file(state, folder / WEIGHTS_FILE)
        examples = _examples(folder, cohort, structures, told, tell)
        return FewShot(
            **wish.card(),  # type: ignore[arg-type]  # the fields of every description
            weights=file_in_bundle(folder / WEIGHTS_FILE),
            blocks=blocks,
            support_size=support_size,
            examples=examples,
            licence_text=wish.kept_licence(folder),
            intended_use=wish.intended_use,
            card=wish.kept_card(folder),
        )

    return written(wish, FEW_SHOT_FILE, make), tuple(told)


def _open_without(cases: Path, without: Collection[str]) -> tuple[Cohort, list[str]]:
    """The cohort without these cases, and a sentence that names those of them that it has labels of."""
    cohort = open_cohort(cases)
    kept = [case.id for case in cohort.labelled if case.id in without]
    share = f"{len(kept)} of {len(cohort.labelled)} labelled cases"
    told = [f"No examples, being kept for measuring: {share} ({', '.join(kept)})."] if kept else []
    return replace(cohort, cases=tuple(case for case in cohort.cases if case.id not in without)), told


def _examples(
    folder: Path, cohort: Cohort, structures: Sequence[str], told: list[str], tell: Tell
) -> tuple[Example, ...]:
    found: list[Example] = []
    for n, case in enumerate(cohort.labelled):
        tell(n / len(cohort.labelled), case.id)
        path = folder / f"example-{len(found) + 1:03d}.safetensors"
        try:
            names = _write_case(path, case, cohort, structures, told)
        except AmlartError as error:
            told.append(f"{case.id} is left out: {error.what}")
            continue
        if names:
            found.append(Example(case.id, file_in_bundle(path), names))
        else:
            told.append(f"{case.id} is left out: it has none of the labels.")
    if not found:
        raise BadSetting("No case can be an example.", kept="Nothing was added.", advice=" ".join(told[:3]))
    return tuple(found)


def _write_case(
    path: Path, case: CohortCase, cohort: Cohort, structures: Sequence[str], told: list[str]
) -> tuple[str, ...]:
    """The structures of a case that was written; none where it has none of the labels."""
    read = read_case(case, cohort.form)
    told += [f"{case.id}, label {words}" for words in read.broken]
    labels: dict[str, Mask] = {}
    for name in structures:
        label = label_of(read.structures, name)
        if label is not None:
            labels[name] = label
    if labels:
        write_example(path, labelled_cube(read.scan, labels))
    return tuple(labels)
