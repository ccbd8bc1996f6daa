"""Many cases in few numbers: mean ± SD and median of every figure, and paired comparison of two sources.

A source is summarised over the structures that it drew at least once; where it then left one out, or failed
on a case, Dice and surface Dice count as 0. SD is that of the sample (n - 1). Differences are tested by
Wilcoxon's signed-rank test, p adjusted over the structures by Holm's method; their interval is that of the
median over 2000 bootstrap samples with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from AmlartContourLib.exchange.resources import catalogue
from inference_backend.evaluation.measured import TOLERANCES_MM, CaseMeasured, Figures

Value = Callable[[Figures], float | None]
LEAST_PAIRS = 6  # fewer cannot reach p < 0.05
SAMPLES, SEED = 2000, 1


def _surface_dice(number: int) -> Value:
    return lambda figures: figures.surface_dice[number]


FIGURES: dict[str, Value] = {
    "Dice": lambda f: f.dice,
    **{f"surface Dice at {mm:g} mm": _surface_dice(n) for n, mm in enumerate(TOLERANCES_MM)},
    "HD95 mm": lambda f: f.hd95_mm,
    "HD mm": lambda f: f.hausdorff_mm,
    "average symmetric mm": lambda f: f.average_symmetric_mm,
    "added path mm": lambda f: f.added_path_mm,
    "missed path mm": lambda f: f.missed_path_mm,
    "precision": lambda f: f.precision,
    "recall": lambda f: f.recall,
    "volume difference": lambda f: f.volume_difference,
}
PAIRED = ("Dice", "surface Dice at 3 mm", "added path mm")


@dataclass(frozen=True)
class Summary:
    """One figure of one structure of one source. `sd` is None for a single case. `undefined`: cases in which
    the figure has no value; `failed`: cases in which the structure was not drawn."""

    source: str
    structure: str
    figure: str
    count: int
    mean: float
    sd: float | None
    median: float
    undefined: int
    failed: int


@dataclass(frozen=True)
class Paired:
    """`second` less `first` on the cases that both have. `p`: adjusted, None for too few cases."""

    first: str
    second: str
    structure: str
    figure: str
    count: int
    median: float
    low: float
    high: float
    p: float | None


def values(cases: Iterable[CaseMeasured], structure: str, figure: str) -> dict[str, float]:
    """A figure by case, where it has a value."""
    found = {}
    for case in cases:
        for figures in case.figures:
            value = FIGURES[figure](figures) if figures.structure == structure else None
            if value is not None:
                found[case.case] = value
    return found


def drawn_structures(cases: Sequence[CaseMeasured]) -> tuple[str, ...]:
    """What a source drew at least once, in the catalogue's order."""
    drawn = {f.structure for case in cases for f in case.figures if f.drawn}
    return tuple(structure_id for structure_id in catalogue() if structure_id in drawn)


def summarise(cases: Sequence[CaseMeasured]) -> Iterator[Summary]:
    """Every figure of every structure of one source."""
    for structure in drawn_structures(cases):
        rows = [f for case in cases for f in case.figures if f.structure == structure]
        for figure in FIGURES:
            every = np.asarray(list(values(cases, structure, figure).values()))
            if every.size:
                yield Summary(
                    cases[0].source,
                    structure,
                    figure,
                    every.size,
                    float(every.mean()),
                    float(every.std(ddof=1)) if every.size > 1 else None,
                    float(np.median(every)),
                    len(rows) - every.size,
                    sum(1 for f in rows if not f.drawn),
                )


def compare_sources(sources: Mapping[str, Sequence[CaseMeasured]]) -> tuple[Paired, ...]:
    """Every pair of sources, on the structures that both drew."""
    found: list[Paired] = []
    for first, second in combinations(sources, 2):
        both = [i for i in drawn_structures(sources[first]) if i in drawn_structures(sources[second])]
        for figure in PAIRED:
            rows = [_paired(first, second, i, figure, sources) for i in both]
            found += _adjusted([row for row in rows if row is not None])
    return tuple(found)


def _paired(
    first: str, second: str, structure: str, figure: str, sources: Mapping[str, Sequence[CaseMeasured]]
) -> Paired | None:
    one, other = (values(sources[name], structure, figure) for name in (first, second))
    shared = [case for case in one if case in other]
    if not shared:
        return None
    apart = np.asarray([other[case] - one[case] for case in shared])
    rng = np.random.default_rng(SEED)
    medians = np.median(rng.choice(apart, (SAMPLES, apart.size)), axis=1)
    low, high = (float(v) for v in np.percentile(medians, (2.5, 97.5)))
    p = None
    if apart.size >= LEAST_PAIRS:
        p = float(stats.wilcoxon(apart).pvalue) if apart.any() else 1.0
    return Paired(first, second, structure, figure, apart.size, float(np.median(apart)), low, high, p)


def _adjusted(rows: list[Paired]) -> list[Paired]:
    """Holm: the k-th smallest of n is multiplied by n - k + 1, and none is below the one before it."""
    tested = sorted((row for row in rows if row.p is not None), key=lambda row: row.p or 0.0)
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, row in enumerate(tested):
        least = max(least, min(1.0, (row.p or 0.0) * (len(tested) - place)))
        adjusted[row.structure] = least
    return [Paired(**{**row.__dict__, "p": adjusted.get(row.structure)}) for row in rows]
