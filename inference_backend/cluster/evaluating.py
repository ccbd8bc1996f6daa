"""A cohort contoured and measured in shares: one job for each share of the cases, here or on Ray.

A share is contoured by one engine that is loaded once. Contours lie in files, so what was done is not done
again, wherever it was done.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.cluster.farm import Farm
from inference_backend.dataset.cohort import Cohort, CohortCase
from inference_backend.engines.bundle import BundleEngine
from inference_backend.engines.protocol import Engine
from inference_backend.engines.registry import Registry, engine_at
from inference_backend.evaluation.contoured import contour_cohort
from inference_backend.evaluation.measured import CaseMeasured, SourceOfContours, measure_source

Report = Callable[[float, str], None]
Cases = tuple[CohortCase, ...]


def contour_shared(
    place: Farm,
    name: str,
    bundle: Path | None,
    cohort: Cohort,
    cases: Cases,
    folder: Path,
    report: Report,
    device: str,
) -> SourceOfContours:
    """Contours the cases by the engine of this name, or by a bundle. BadSetting where a machine has no such
    engine; on one machine `report` gets every case."""
    said = report if place.cluster is None else silent
    place.run(
        [
            partial(_contour, name, bundle, cohort, share, folder, said, device)
            for share in shares(cases, place.width)
        ]
    )
    return SourceOfContours(name, folder)


def measure_shared(
    place: Farm, source: SourceOfContours, cohort: Cohort, cases: Cases, report: Report
) -> tuple[CaseMeasured, ...]:
    """Every case measured, in the order of the cases."""
    said = report if place.cluster is None else silent
    parts = place.run(
        [partial(measure_source, source, cohort, share, said) for share in shares(cases, place.width)]
    )
    by_case = {one.case: one for part in parts for one in part}
    return tuple(by_case[case.id] for case in cases)


def shares(cases: Cases, width: int) -> list[Cases]:
    """The cases dealt out to at most `width` jobs, none of them empty."""
    return [cases[n::width] for n in range(min(width, len(cases)))]


def silent(_fraction: float, _stage: str) -> None:
    """Jobs of a cluster have no bar to move."""


def _contour(
    name: str,
    bundle: Path | None,
    cohort: Cohort,
    cases: Cases,
    folder: Path,
    report: Report,
    device: str,
) -> None:
    contour_cohort(_engine(name, bundle), cohort, cases, folder, report, device)


def _engine(name: str, bundle: Path | None) -> Engine:
    if bundle is not None:
        return BundleEngine(name, bundle)
    place = Registry().place(name)
    if place is None:
        raise BadSetting(f"There is no engine {name!r}.", advice="`amlart engines` lists them.")
    return engine_at(place)
