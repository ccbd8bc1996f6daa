"""Which cases a few-shot model may be measured on: those that it does not show to its network.

A case that is an example comes with its label, so a figure on it says nothing. Cases are known by their names
in a cohort, as they are kept in few-shot.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inference_backend.dataset.cohort import CohortCase
from inference_backend.few_shot.description import FewShot
from inference_backend.models.added import read_added
from inference_backend.models.store import bundle_folder, own_packs


def not_shown(
    engines: Iterable[str], cases: Sequence[CohortCase]
) -> tuple[tuple[CohortCase, ...], tuple[str, ...]]:
    """The cases that none of these engines of this machine has as an example, and a sentence for each engine
    that has some. DamagedFile or TooLarge where a model says nothing of itself that can be read."""
    shown: set[str] = set()
    told = []
    for engine in dict.fromkeys(engines):
        examples = _examples(engine)
        found = [case.id for case in cases if case.id in examples]
        if found:
            share = f"{len(found)} of {len(cases)} cases"
            told.append(f"Left out, being examples of {engine}: {share} ({', '.join(found)}).")
        shown |= examples
    return tuple(case for case in cases if case.id not in shown), tuple(told)


def _examples(engine: str) -> frozenset[str]:
    if engine not in own_packs():
        return frozenset()
    model = read_added(bundle_folder(engine))
    return frozenset(one.name for one in model.examples) if isinstance(model, FewShot) else frozenset()
