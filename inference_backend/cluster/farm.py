"""The same jobs one after another on this machine, or side by side on Ray where a cluster is given.

A job is a function of a module with arguments that can be sent. It keeps what it made in files, so the run's
folder must lie at the same path on every machine, and a job that is run again goes on where it was ended.
That is why a worker that dies loses nothing: Ray runs its job again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from AmlartContourLib.contract.errors import AmlartError, BackendProblem, BadSetting

T = TypeVar("T")
Job = Callable[[], T]
HERE = "local"
AGAIN = 3  # times that a job is run again after its worker died
CONNECT_S = 60


@dataclass(frozen=True)
class Farm:
    """Where jobs run. `gpus`: those that each job takes; `width`: how many run side by side."""

    cluster: str | None = None
    gpus: int = 0
    width: int = 1

    def run(self, jobs: Sequence[Job[T]]) -> list[T]:
        """The results in the jobs' order. An error of a job ends the others and is raised as it was there."""
        if self.cluster is None:
            return [job() for job in jobs]
        return _on_ray(jobs, self.gpus)


def gpus_of(device: str) -> int:
    """How many GPUs a job on this device takes."""
    return 1 if device.startswith("cuda") else 0


@contextmanager
def farm(cluster: str | None, gpus: int = 0) -> Iterator[Farm]:
    """A farm for jobs that take so many GPUs each. BadSetting where Ray is not installed, or the cluster has
    too little; BackendProblem where no cluster answers.

    `cluster`: None for this process alone, "local" for a cluster of this machine that ends with the command,
    else the address of one that runs.
    """
    if cluster is None:
        yield Farm()
        return
    ray = _ray()
    try:
        ray.init(address=None if cluster == HERE else cluster, include_dashboard=False, log_to_driver=True)
    except ray.exceptions.AuthenticationError as error:
        raise BackendProblem(
            "The Ray cluster asks for a token that is not known here, or has none.",
            kept="Nothing was begun.",
            advice="Put its token into RAY_AUTH_TOKEN; `ray get-auth-token --generate` makes one.",
        ) from error
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise BackendProblem(
            f"No Ray cluster answers at {cluster!r}.",
            kept="Nothing was begun.",
            advice="Start one with `ray start --head`, or use --cluster local.",
        ) from error
    try:
        there = ray.cluster_resources()
        width = int(there.get("GPU", 0)) // gpus if gpus else int(there.get("CPU", 0))
        if width < 1:
            raise BadSetting(
                f"No job fits into the cluster: each takes {gpus or 'no'} GPUs and a core.",
                kept="Nothing was begun.",
                advice="Add machines to it, or ask for fewer GPUs.",
            )
        yield Farm(cluster, gpus, width)
    finally:
        ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a hospital's machine tells nobody
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # its ports are open to the network, also for "local"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # a job without GPUs sees none changed
    try:
        import ray
    except ImportError as error:
        raise BadSetting(
            "Ray is not installed.",
            kept="Nothing was begun.",
            advice="pip install 'amlart-contour[cluster]', or leave --cluster out.",
        ) from error
    return ray


def _on_ray(jobs: Sequence[Job[T]], gpus: int) -> list[T]:
    ray = _ray()
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=AGAIN)(_one)
    waiting = [remote.remote(job) for job in jobs]
    try:
        found: list[T] = ray.get(waiting)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, AmlartError):
            raise error.cause from None
        raise
    except ray.exceptions.WorkerCrashedError as error:
        raise BackendProblem(
            f"A worker of the cluster died {AGAIN + 1} times in the same job.",
            kept="What was finished is kept; the same command goes on.",
        ) from error
    finally:
        for one in waiting:
            ray.cancel(one, force=True)
    return found


def _one(job: Job[T]) -> T:
    return job()
