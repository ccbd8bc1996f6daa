"""What a reader should look at first: everything that is estimated, derived, missing or against a rule."""

from __future__ import annotations

from collections.abc import Iterator

from AmlartContourLib.domain.rules import Severity, first_up
from AmlartContourLib.domain.structure_set import Source
from AmlartContourLib.exchange.report.data import ReportData


def attention(data: ReportData) -> tuple[str, ...]:
    """Sentences, the most consequential first; none where there is nothing to say."""
    return (
        *_warnings(data),
        *_estimated(data),
        *_missing(data),
        *_derived(data),
        *_apart(data),
        *_status(data),
    )


def findings(data: ReportData) -> tuple[str, ...]:
    """What reading the scan found, and what the caller adds, each once."""
    of_scan = data.scan.findings if data.scan else ()
    return tuple(dict.fromkeys((*of_scan, *data.record.findings)))


def _warnings(data: ReportData) -> Iterator[str]:
    yield from (m.text for m in data.record.messages if m.severity is Severity.WARNING)


def _estimated(data: ReportData) -> Iterator[str]:
    names = [border.kind.value for border in data.record.borders if border.estimated]
    if names:
        yield f"Estimated level borders: {'; '.join(names)}. Check each against the scan."


def _missing(data: ReportData) -> Iterator[str]:
    if data.record.selection is None or data.composition is None:
        return
    absent = [i for i in data.record.selection.included if not data.composition.used.has(i)]
    if absent:
        yield f"Chosen but not there: {', '.join(data.catalogue[i].display_name for i in absent)}."


def _derived(data: ReportData) -> Iterator[str]:
    derived = [c.structure_id for c in data.all_contours if c.source is Source.DERIVED]
    if derived:
        names = ", ".join(data.catalogue[i].display_name for i in derived)
        yield f"Derived from other contours, not contoured themselves: {names}."


def _apart(data: ReportData) -> Iterator[str]:
    beyond = [one.structure_id for one in (data.second.structures if data.second else ()) if one.is_beyond]
    if beyond:
        names = ", ".join(data.catalogue[i].display_name for i in beyond)
        yield f"A second engine is farther away than in four of five cases of this site: {names}."


def _status(data: ReportData) -> Iterator[str]:
    preset = data.record.preset
    if preset and not preset.verified:
        yield f"{first_up(preset.title)} (preset {preset.id} {preset.version}): {preset.status}."
    if not data.record.reviewer:
        yield "No reviewer is named: these contours have not been reviewed."
