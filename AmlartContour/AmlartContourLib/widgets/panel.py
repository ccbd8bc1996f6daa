"""What all panels share: a .ui file, slots that end in words for the user, and a refresh by event.

A panel draws, guards and delegates. It never asks through a dialog: what it has to say goes to the notice
line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import qt
import slicer

from AmlartContourLib.contract.errors import AmlartError, Cancelled
from AmlartContourLib.session.session import Session
from AmlartContourLib.widgets.background import Background
from AmlartContourLib.widgets.views import Views

LOG = logging.getLogger(__name__)
RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
UNEXPECTED = "Something unexpected happened ({kind}). Your contours are kept; the log says where."


@dataclass(frozen=True)
class Desk:
    """What panels work with. `tell` shows words to the user; `choose` makes a structure the chosen one."""

    session: Session
    views: Views
    background: Background
    tell: Callable[[str], None]
    choose: Callable[[str], None]

    @property
    def is_open(self) -> bool:
        """True while a patient is open."""
        return self.session.patient is not None

    @contextmanager
    def guard(self) -> Iterator[None]:
        """The boundary of every slot: a refusal becomes words, anything else too, and is logged."""
        try:
            yield
        except Cancelled:
            return
        except AmlartError as error:
            self.tell(str(error))
        except Exception as error:  # a slot's boundary: Slicer would print it and go on
            LOG.error("a panel failed: %s", type(error).__name__)
            LOG.debug("where", exc_info=error)
            self.tell(UNEXPECTED.format(kind=type(error).__name__))


class Panel:
    """One collapsible part of the module. `FOLLOWS`: events after which it is drawn anew."""

    UI = ""
    FOLLOWS: tuple[type, ...] = ()

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.session = desk.session
        self.chosen = ""
        self.root, self.ui = load(self.UI)

    def refresh(self) -> None:
        """Draws what the session holds."""

    def poll(self) -> None:
        """Looks at what changes without an event; called about every 100 ms."""

    def close(self) -> None:
        """Ends what the panel has running."""

    def on(self, signal: str, widget: Any, slot: Any) -> None:
        """Connects a signal to a bound method, which gets as many of its arguments as it takes."""
        widget.connect(signal, partial(self._guarded, slot))

    def _guarded(self, slot: Any, *values: Any) -> None:
        with self.desk.guard():
            slot(*values[: slot.__code__.co_argcount - 1])  # bound methods all: the first is self


def load(name: str) -> tuple[Any, Any]:
    """The widget of a .ui file, and its named children."""
    root = slicer.util.loadUI(str(RESOURCES / "UI" / f"{name}.ui"))
    return root, slicer.util.childWidgetVariables(root)


@contextmanager
def silent(*widgets: Any) -> Iterator[None]:
    """While a panel draws, its widgets send no signals, so that drawing never acts."""
    before = [widget.blockSignals(True) for widget in widgets]
    try:
        yield
    finally:
        for widget, was in zip(widgets, before, strict=True):
            widget.blockSignals(was)


def fill_table(table: Any, rows: Sequence[tuple[str, ...]], ids: list[str], chosen: str) -> None:
    """Writes a table; each row keeps its id. The chosen row stays chosen."""
    with silent(table):
        table.setRowCount(len(rows))
        for r, row in enumerate(rows):
            for c, text in enumerate(row):
                item = qt.QTableWidgetItem(text)
                item.setData(ID_ROLE, ids[r])
                item.setToolTip(text)
                table.setItem(r, c, item)
        table.clearSelection()
        if chosen in ids:
            table.selectRow(ids.index(chosen))


def id_at(table: Any, row: int) -> str:
    """The id of a row; empty where there is none."""
    item = table.item(row, 0) if 0 <= row < table.rowCount else None
    return str(item.data(ID_ROLE)) if item is not None else ""


def stretch(table: Any, column: int) -> None:
    """One column takes the room, the others what they need."""
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
    table.verticalHeader().setVisible(False)


ID_ROLE = 256  # Qt.UserRole, whose name is an enum in one Qt and a number in the other
