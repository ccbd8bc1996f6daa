"""A second opinion, in the panel Effort: which engine is asked, how far it is, where the two part."""

from __future__ import annotations

from slicer.i18n import tr as _

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import Capabilities, EngineInfo
from AmlartContourLib.session.effort import EffortRow, LookFirst
from AmlartContourLib.widgets.panel import Panel, silent


class SecondOpinionPart:
    """Its widgets. `panel` is the one they lie in."""

    def __init__(self, panel: Panel) -> None:
        self._ui = panel.ui
        self._desk = panel.desk
        self._second = panel.session.second
        self._engines: tuple[EngineInfo, ...] = ()
        panel.on("clicked()", self._ui.secondButton, self._ask)
        panel.on("clicked()", self._ui.secondCancelButton, self._second.cancel)

    def offer(self, found: Capabilities) -> None:
        """The engines that a backend lists."""
        self._engines = tuple(engine for engine in found.engines if engine.available)
        with silent(self._ui.secondBox):
            self._ui.secondBox.clear()
            self._ui.secondBox.addItems([engine.title for engine in self._engines])
        self.refresh()

    def refresh(self) -> None:
        """Draws what is so."""
        running, now = self._second.running, self._second.progress
        self._ui.secondButton.enabled = bool(self._engines) and self._desk.is_open and not running
        self._ui.secondBox.enabled = not running
        self._ui.secondCancelButton.enabled = running
        self._ui.secondBar.setVisible(running)
        self._ui.secondBar.value = int(now.fraction * 1000) if now else 0
        self._ui.secondLabel.text = self._words()

    def _words(self) -> str:
        by = self._second.engine if self._desk.is_open else None
        if by is None:
            return _("No second opinion was asked for.")
        words = _(
            "Second opinion by {name} ({version}). An asterisk: more disagreement than in four of five cases "
            "of this site. That two engines agree does not show that either is right."
        )
        return words.format(name=by.name, version=by.version)

    def _ask(self) -> None:
        index = self._ui.secondBox.currentIndex
        if not 0 <= index < len(self._engines):
            raise BadSetting("No engine is chosen.", advice="Test the backend first.")
        self._second.start(self._engines[index])
        self.refresh()


def apart(row: EffortRow) -> str:
    """How far the second engine is from the contour that came."""
    if row.opinion is None:
        return ""
    words = _("{share:.0%} *") if row.opinion.is_beyond else "{share:.0%}"
    return words.format(share=row.opinion.apart.fraction)


def why(row: EffortRow | None) -> str:
    """What is known of the chosen structure beyond the share: surface Dice, path, and the threshold."""
    opinion = row.opinion if row is not None else None
    if opinion is None:
        return ""
    words = _("Second opinion: surface Dice {dice:.3f} at {mm:g} mm, path to add {cm:.1f} cm. {threshold}")
    return words.format(
        dice=1 - opinion.apart.fraction,
        mm=opinion.tolerance_mm,
        cm=opinion.apart.path_share * opinion.apart.path_mm / 10,
        threshold=opinion.why_none,
    )


def look_words(first: tuple[LookFirst, ...]) -> str:
    """Slices to look at first, with what says so."""
    if not first:
        return ""
    slices = (
        _("slice {n} ({mm2:.0f} mm2, {source})").format(n=one.k + 1, mm2=one.area_mm2, source=one.source)
        for one in first
    )
    return _("Look first: {slices}.").format(slices="; ".join(slices))
