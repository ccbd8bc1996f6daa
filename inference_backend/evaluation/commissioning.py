"""An evaluation against a site's own pass limits: figures.csv of `amlart evaluate`, and a file of limits.

No limit is built in. A figure without one is shown as unset and decides nothing, and where nothing is set
nothing is passed. A structure that was labelled and not drawn counts as the figures count it (Dice 0); where
a figure then does not exist, as a distance does not, its limit is not met.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import fmean, median

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused
from AmlartContourLib.contract.strict_json import Message, from_json
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.evaluation.report import FIGURES_FILE, FIGURES_HEAD
from inference_backend.evaluation.summary import FIGURES

FORMAT = 1


class Statistic(Enum):
    """What of a figure over the cases is limited; `worst` is the case farthest on the wrong side."""

    MEAN = "mean"
    MEDIAN = "median"
    WORST = "worst"


class Outcome(Enum):
    """Values are the words of the page."""

    MET = "met"
    NOT_MET = "NOT MET"
    UNSET = "unset"


@dataclass(frozen=True)
class Limit(Message):
    """`at_least` or `at_most`, or neither: then it is unset. `figure`: as figures.csv calls it."""

    structure: str
    figure: str
    statistic: Statistic
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.structure not in catalogue():
            raise ValueError(f"the catalogue has no {self.structure}")
        if self.figure not in FIGURES:
            raise ValueError(f"no figure is called {self.figure}; there are {', '.join(FIGURES)}")
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("a limit is at_least or at_most, not both")

    @property
    def words(self) -> str:
        """As the page shows it."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return Outcome.UNSET.value if self.at_most is None else f"at most {self.at_most:g}"


@dataclass(frozen=True)
class Limits(Message):
    """A site's limits, and who set them when. `fewest_cases`: below this no limit is met; None is unset."""

    format: int
    site: str
    set_by: str
    set_on: str
    fewest_cases: int | None
    limits: tuple[Limit, ...]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}")
        keys = [(one.structure, one.figure, one.statistic) for one in self.limits]
        if len(set(keys)) < len(keys):
            raise ValueError("a figure of a structure is limited twice")
        if (
            any((one.at_least, one.at_most) != (None, None) for one in self.limits)
            and not self.set_by.strip()
        ):
            raise ValueError("limits are set, and set_by names nobody")


@dataclass(frozen=True)
class Judged:
    """One limit held against the cases of one source. `value` is None where there is none; `without`: cases
    in which the figure does not exist."""

    source: str
    limit: Limit
    cases: int
    without: int
    value: float | None
    outcome: Outcome


@dataclass(frozen=True)
class CaseFigure:
    """One row of figures.csv; figures without a value are left out."""

    source: str
    case: str
    structure: str
    values: Mapping[str, float]


def read_limits(path: Path) -> Limits:
    """A site's limits. BadSetting where the file cannot be read, DamagedFile where it holds no limits."""
    try:
        return from_json(Limits, path.read_bytes())
    except OSError as error:
        raise BadSetting(
            f"The limits {path.name} cannot be read ({error.strerror}).",
            advice="Write a form to fill in with --form FILE.",
        ) from error


def form(figures: Iterable[CaseFigure], named: Sequence[str]) -> Limits:
    """Limits to fill in: these figures of every structure of an evaluation, all of them unset."""
    structures = dict.fromkeys(row.structure for row in figures)
    limits = (Limit(structure, name, Statistic.MEAN) for structure in structures for name in named)
    return Limits(FORMAT, "", "", "", None, tuple(limits))


def read_figures(evaluation: Path) -> tuple[CaseFigure, ...]:
    """The figures of an evaluation's folder. InputRefused where it is none, DamagedFile where they are
    broken."""
    try:
        with (evaluation / FIGURES_FILE).open(encoding="utf-8", newline="") as file:
            return tuple(_rows(csv.DictReader(file)))
    except OSError as error:
        raise InputRefused(
            f"{evaluation.name} holds no {FIGURES_FILE}.",
            advice="Give the folder of `amlart evaluate --out`.",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{FIGURES_FILE} is not as `amlart evaluate` writes it.") from error


def judged(limits: Limits, figures: Sequence[CaseFigure]) -> tuple[Judged, ...]:
    """Every limit against every source."""
    sources = dict.fromkeys(row.source for row in figures)
    return tuple(_judged(limits, limit, source, figures) for source in sources for limit in limits.limits)


def _judged(limits: Limits, limit: Limit, source: str, figures: Sequence[CaseFigure]) -> Judged:
    rows = [row for row in figures if (row.source, row.structure) == (source, limit.structure)]
    values = [row.values[limit.figure] for row in rows if limit.figure in row.values]
    value = _statistic(limit, values) if values else None
    if limit.at_least is None and limit.at_most is None:
        outcome = Outcome.UNSET
    else:
        enough = limits.fewest_cases is None or len(rows) >= limits.fewest_cases
        whole = len(values) == len(rows) and value is not None
        outcome = Outcome.MET if enough and whole and _holds(limit, value) else Outcome.NOT_MET
    return Judged(source, limit, len(rows), len(rows) - len(values), value, outcome)


def _statistic(limit: Limit, values: Sequence[float]) -> float:
    if limit.statistic is Statistic.MEAN:
        return fmean(values)
    if limit.statistic is Statistic.MEDIAN:
        return median(values)
    return max(values) if limit.at_most is not None else min(values)


def _holds(limit: Limit, value: float | None) -> bool:
    if value is None:
        return False
    above = limit.at_least is None or value >= limit.at_least
    return above and (limit.at_most is None or value <= limit.at_most)


def _rows(reader: csv.DictReader[str]) -> Iterator[CaseFigure]:
    if tuple(reader.fieldnames or ()) != FIGURES_HEAD:
        raise ValueError("the head is another")
    for row in reader:
        values = {name: float(row[name]) for name in FIGURES if row[name]}
        yield CaseFigure(row["source"], row["case"], row["structure"], values)
