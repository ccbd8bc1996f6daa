"""Expected and measured editing by structure, and the slices of the chosen one as a strip to click."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from AmlartContourLib.measures.comparison import Comparison
from AmlartContourLib.measures.second_opinion import Basis
from AmlartContourLib.session.effort import EffortRow, SliceRedraw
from AmlartContourLib.session.events import (
    ChoicesChanged,
    PatientClosed,
    PatientOpened,
    ProgressChanged,
    StructuresChanged,
)
from AmlartContourLib.widgets.panel import Desk, Panel, fill_table, id_at, silent, stretch
from AmlartContourLib.widgets.second_opinion import SecondOpinionPart, apart, look_words, why

COLUMN_PX = 80  # so that a long name leaves room for the figures
STRIP_PX = 4  # least width of one slice
LOOK_FIRST = 4
FULL_MM2 = 150.0  # to redraw in a slice: the darkest, unless a slice has more
FAINT, FULL = (225, 232, 238), (178, 58, 30)


class EffortPanel(Panel):
    """The table and the strip."""

    UI = "Effort"
    FOLLOWS = (PatientOpened, PatientClosed, StructuresChanged, ChoicesChanged, ProgressChanged)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._rows: tuple[EffortRow, ...] = ()
        self._slices: list[int] = []
        self._worst: list[int] = []
        self.second = SecondOpinionPart(self)
        stretch(self.ui.table, 1)
        self.ui.table.horizontalHeader().minimumSectionSize = COLUMN_PX
        strip = self.ui.strip
        strip.setRowCount(2)
        strip.horizontalHeader().setVisible(False)
        strip.verticalHeader().setVisible(False)
        strip.horizontalHeader().minimumSectionSize = STRIP_PX
        self.on("cellClicked(int,int)", self.ui.table, self._chose)
        self.on("cellClicked(int,int)", strip, self._jump)
        self.on("clicked()", self.ui.worstButton, self._next_worst)
        self.on("editingFinished()", self.ui.toleranceSpin, self._set_tolerance)
        self.on("clicked()", self.ui.toleranceButton, self._default_tolerance)

    def refresh(self) -> None:
        """Draws the table, and the strip of the chosen structure."""
        self._rows = self.session.effort.rows() if self.desk.is_open else ()
        cells = [(r.name, _expected(r), apart(r), _measured(r), _tolerance(r)) for r in self._rows]
        fill_table(self.ui.table, cells, [r.structure_id for r in self._rows], self.chosen)
        self.ui.minutesLabel.text = self.session.minutes.foretold().text if self.desk.is_open else ""
        self._draw_strip()
        self.second.refresh()

    def _draw_strip(self) -> None:
        row = next((r for r in self._rows if r.structure_id == self.chosen), None)
        for widget in (self.ui.toleranceSpin, self.ui.toleranceButton):
            widget.enabled = row is not None
        slices = self.session.effort.by_slice(row.structure_id) if row is not None else ()
        look = self.session.effort.look_first(row.structure_id, len(slices)) if row is not None else ()
        self.ui.lookLabel.text = " ".join(filter(None, (look_words(look[:LOOK_FIRST]), why(row))))
        if row is not None:
            measured = row.measured
            worst = measured.worst_slices(len(measured.slices)) if measured is not None else look
            self._worst = [one.k for one in worst]
            with silent(self.ui.toleranceSpin):
                self.ui.toleranceSpin.value = row.tolerance_mm
        self._slices = [one.k for one in slices]
        self.ui.worstButton.enabled = bool(slices)
        self.ui.stripLabel.text = _strip_words(row, len(slices))
        strip = self.ui.strip
        strip.setColumnCount(len(slices))
        room = max(STRIP_PX, (max(strip.width, 300) - 8) // max(1, len(slices)))
        most = max([FULL_MM2, *(area for one in slices for area in _areas(one) if area is not None)])
        for column, one in enumerate(slices):
            for line, area in enumerate(_areas(one)):
                item = qt.QTableWidgetItem("")
                item.setBackground(qt.QBrush(qt.QColor(*_mixed((area or 0.0) / most))))
                item.setToolTip(_slice_words(one))
                strip.setItem(line, column, item)
            strip.setColumnWidth(column, room)

    def _chose(self, row: int) -> None:
        self.desk.choose(id_at(self.ui.table, row))

    def _jump(self, _row: int, column: int) -> None:
        patient = self.session.patient
        if patient is not None and 0 <= column < len(self._slices):
            self.desk.views.jump(patient.axial, self._slices[column])

    def _next_worst(self) -> None:
        """The worst slice first, then the next; without measured editing, from the lowest up."""
        patient = self.session.patient
        order = self._worst or self._slices
        if patient is None or not order:
            return
        shown = self.desk.views.current(patient.axial)
        place = order.index(shown) + 1 if shown in order else 0
        self.desk.views.jump(patient.axial, order[place % len(order)])

    def _set_tolerance(self) -> None:
        mm = self.ui.toleranceSpin.value
        if self.chosen and mm != self.session.effort.tolerance_mm(self.chosen):
            self.session.effort.set_tolerance(self.chosen, mm)

    def _default_tolerance(self) -> None:
        if self.chosen:
            self.session.effort.set_tolerance(self.chosen, None)


def _expected(row: EffortRow) -> str:
    share = row.expected.fraction_to_redraw if row.expected is not None else None
    if share is None:
        return row.expected_withheld
    words = _("{share:.0%} ({low:.0%} to {high:.0%})")
    if row.expected_from is Basis.SECOND:
        words = _("{share:.0%} ({low:.0%} to {high:.0%}), engines disagree")
    return words.format(share=share.expected, low=share.low, high=share.high)


def _measured(row: EffortRow) -> str:
    return _figure(row.measured) if row.measured is not None else row.measured_withheld


def _figure(found: Comparison) -> str:
    share = found.fraction_to_redraw
    return found.empty or "" if share is None else _("{share:.1%} redrawn").format(share=share)


def _tolerance(row: EffortRow) -> str:
    text = f"{row.tolerance_mm:g} mm"
    return _("{text} (default)").format(text=text) if row.tolerance_is_default else text


def _strip_words(row: EffortRow | None, count: int) -> str:
    if row is None:
        return _("Choose a structure to see its slices.")
    words = _(
        "{name}: {n} slices, from below to above; upper row expected, lower row measured; darker is more to "
        "redraw. Click to jump."
    )
    return words.format(name=row.name, n=count)


def _areas(one: SliceRedraw) -> tuple[float | None, float | None]:
    return one.expected_mm2, one.measured_mm2


def _slice_words(one: SliceRedraw) -> str:
    known = ((_("{mm2:.0f} mm2 expected"), one.expected_mm2), (_("{mm2:.0f} mm2 redrawn"), one.measured_mm2))
    parts = [words.format(mm2=area) for words, area in known if area is not None]
    return ", ".join([_("Slice {n}").format(n=one.k + 1), *parts])


def _mixed(share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * min(1.0, share)) for a, b in zip(FAINT, FULL, strict=True))
    return red, green, blue
