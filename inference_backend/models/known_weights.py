"""What is known of published weights that come as one file, by the file's name: title, terms, and look.

SAM and MedSAM come under Apache-2.0. UniverSeg's weights come under OpenRAIL++-M, and its authors say that
they must be used for research only. MedSAM's own repository says Apache-2.0 for code and weights alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from inference_backend.prompted.description import Look


@dataclass(frozen=True)
class KnownWeights:
    """`pattern`: of the file's name. `look`: of a prompted model."""

    pattern: str
    title: str
    licence: str
    research_only: bool = False
    look: Look | None = None


WEIGHTS = (
    KnownWeights(r"^universeg_v1_.*\.pt$", "UniverSeg by local examples", "OpenRAIL++-M", research_only=True),
    KnownWeights(r"^sam_vit_[bhl]_[0-9a-f]{6}\.pth$", "SAM", "Apache-2.0", look=Look.SAM),
    KnownWeights(r"^medsam_vit_b\.pth$", "MedSAM", "Apache-2.0", look=Look.MEDSAM),
)


def known_weights(path: Path) -> KnownWeights | None:
    """What is known of published weights, or None."""
    return next((one for one in WEIGHTS if re.match(one.pattern, path.name)), None)
