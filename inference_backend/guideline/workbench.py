"""What the making of levels shares: the patient, borders, numbers and barriers, and the levels made so far.

Levels stay disjoint (an earlier one keeps its voxels) and out of the barriers. What could not be made is
said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from AmlartContourLib.domain.mask import Mask, union
from inference_backend.guideline.borders import Borders
from inference_backend.guideline.exclusions import Barriers
from inference_backend.guideline.margins_preset import GuidelineMargins
from inference_backend.guideline.patient_view import PatientView
from inference_backend.guideline.shaping import tidied
from inference_backend.guideline.vessels import IliacVessels


@dataclass(eq=False)
class Workbench:
    """One patient in the making. `raw` holds levels before barriers, `made` after them, both by catalogue
    id."""

    view: PatientView
    borders: Borders
    preset: GuidelineMargins
    barriers: Barriers
    vessels: dict[str, IliacVessels]
    raw: dict[str, Mask] = field(default_factory=dict)
    made: dict[str, Mask] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Adds a sentence for the user."""
        self.messages.append(sentence)

    def keep(self, structure_id: str, level: Mask, anchor: Mask) -> None:
        """Tidies a raw level, takes out what earlier levels hold, and stores both."""
        self.raw[structure_id] = level
        tidy = tidied(level, anchor, self.barriers.whole, self.preset.in_plane_closing.value)
        self.made[structure_id] = tidy - self.join(*self.made.values())

    def join(self, *masks: Mask) -> Mask:
        """Union on the patient's grid; empty for none."""
        return union(list(masks), self.view.geometry)

    def own_half(self, mask: Mask, side: str) -> Mask:
        """The side's half of what was made round the vessels of both sides; all of it where only one has
        any."""
        midline = self.borders.midline
        if midline is None or any(v.whole.is_empty for v in self.vessels.values()):
            return mask
        return midline.splits(mask)[0 if side == "left" else 1]

    def around(self, side: str, branch: str) -> Mask:
        """Vessels (`whole`, `external`, `internal`) of both sides, for margins that `own_half` then cuts.

        A vessel may cross the midline; so nothing of its margin is lost. Without a midline, the side's own.
        """
        if self.borders.midline is None:
            return self.branch(side, branch)
        return self.join(*(self.branch(each, branch) for each in self.vessels))

    def branch(self, side: str, branch: str) -> Mask:
        """One branch of one side's vessels."""
        mask: Mask = getattr(self.vessels[side], branch)
        return mask
