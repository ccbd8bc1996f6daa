"""Small synthetic cohorts that several tests read."""

from __future__ import annotations

from pathlib import Path

from inference_backend.dataset.layout import Form
from inference_backend.dataset.synthetic import SyntheticCohort, make_cohort

COARSE_MM = 8.0


def write_cohort(
    root: Path, labelled: int, held_out: int = 0, form: Form = Form.NNUNET, seed: int = 1
) -> Path:
    """A cohort on voxels of 8 mm."""
    wanted = SyntheticCohort(labelled, held_out, seed, voxel_mm=COARSE_MM)
    make_cohort(wanted, root, form, lambda _f, _s: None)
    return root
