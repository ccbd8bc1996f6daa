"""The whole of a run: made ready here, then every fold trained, one after another or side by side on Ray."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from inference_backend.cluster.farm import farm
from inference_backend.dataset.cohort import Cohort
from inference_backend.training.nnunet.fold import train_fold
from inference_backend.training.nnunet.plan import Fold, NnUNetPlan, Tell, trainings
from inference_backend.training.nnunet.prepare import prepare
from inference_backend.training.nnunet.start import Source


@dataclass(frozen=True)
class Effort:
    """With what a run is trained: GPUs for each training, processes, a cluster; a control from scratch too;
    one fold only where it is named."""

    gpus: int
    processes: int
    cluster: str | None = None
    control: bool = False
    fold: int | None = None


def train_all(
    run: Path, plan: NnUNetPlan, cohort: Cohort, source: Source | None, effort: Effort, tell: Tell
) -> tuple[Fold, ...]:
    """Everything but the packing; `tell` is a function of a module where there is a cluster. Returns every
    fold of the run, also those that were not asked for."""
    sets = prepare(run, plan, cohort, source, effort.processes, tell)
    folds = trainings(sets, plan, effort.gpus, control=effort.control)
    jobs = [
        partial(train_fold, run, plan, one, effort.processes, tell)
        for one in folds
        if effort.fold in (None, one.number)
    ]
    with farm(effort.cluster, effort.gpus) as place:
        place.run(jobs)
    return folds
