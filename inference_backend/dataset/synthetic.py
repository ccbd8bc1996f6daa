"""A synthetic cohort in the AMLART layout: every case that the data set's notes warn of, and random ones.

Two hospitals: the first is that of the phantoms used elsewhere; the second scans with thicker slices, more
noise and no contrast, and sees larger patients with fuller bladders. Case n depends on hospital, seed and n
only. No anatomy of a real person.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.cohort_out import finish, is_written, write_case
from inference_backend.dataset.layout import STRUCTURES, Form, case_name
from inference_backend.phantom.make import NOTE, Phantom, make_phantom
from inference_backend.phantom.spec import LIMITS, PhantomSpec
from inference_backend.phantom.variants import VARIANTS, random_spec

WARNED_OF: tuple[tuple[str, str], ...] = (
    ("no_gtvp", "No GTVp visible"),
    ("cropped_above", "Scan only reaches the bottom of the kidneys"),
    ("one_kidney", "Left kidney missing"),
    ("extra_slices", "Extra slices above and below"),
    ("no_contrast", "No contrast, nasogastric tube, small parametrium, low uterus"),
    ("large_tumour", "Very large tumour"),
    ("sigmoid_in_parametrium", "Sigmoid hanging into the parametrium"),
)
EVERY = 4  # each fourth case is one of them, until all have come
TOLD_FILE = "synthetic.json"
MOST_CASES = 5000

Report = Callable[[float, str], None]


class Hospital(Enum):
    """Whose scanner and patients. Values are words of the command line and part of the seed: never rename."""

    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True)
class SyntheticCohort:
    """`labelled` cases and `held_out` ones after them, without labels.

    `voxel_mm` makes every scan as coarse as that, for quick trials; None leaves them as they are drawn.
    """

    labelled: int
    held_out: int
    seed: int = 1
    hospital: Hospital = Hospital.FIRST
    voxel_mm: float | None = None

    def __post_init__(self) -> None:
        if self.labelled < 0 or self.held_out < 0 or not 1 <= self.labelled + self.held_out <= MOST_CASES:
            raise BadSetting(f"A cohort has 1 to {MOST_CASES} cases.")
        low, high = LIMITS["pixel_mm"]
        if self.voxel_mm is not None and not low <= self.voxel_mm <= high:
            raise BadSetting(f"Voxels of {self.voxel_mm:g} mm cannot be drawn ({low:g} to {high:g}).")

    @property
    def numbers(self) -> range:
        """Case numbers, the held-out ones last."""
        return range(1, self.labelled + self.held_out + 1)

    def spec(self, number: int) -> tuple[PhantomSpec, str]:
        """The patient of one case, and what the notes say of her (often nothing)."""
        special = number // EVERY - 1 if number % EVERY == 0 else len(WARNED_OF)
        if special < len(WARNED_OF):
            variant, comment = WARNED_OF[special]
            spec = VARIANTS[variant]
        else:
            rng = np.random.default_rng([self.seed, list(Hospital).index(self.hospital), number])
            spec, comment = random_spec(rng), ""
        if self.hospital is Hospital.SECOND:
            spec = _second(spec, np.random.default_rng([self.seed, 2, number]))
        return self._coarse(replace(spec, name=case_name(number))), comment

    def _coarse(self, spec: PhantomSpec) -> PhantomSpec:
        if self.voxel_mm is None:
            return spec
        mm = self.voxel_mm
        sides = [n * old for n, old in zip(spec.matrix_ij, spec.pixel_mm, strict=True)]
        i, j = (2 * max(round(side / mm / 2), 8) for side in sides)
        return replace(spec, matrix_ij=(i, j), pixel_mm=(mm, mm), slice_step_mm=mm)


def make_cohort(wanted: SyntheticCohort, root: Path, form: Form, report: Report) -> None:
    """Writes the cohort into a folder; cases that are there already stay. Errors as `write_case`.

    BadSetting where the folder holds another synthetic cohort.
    """
    _claim(root, wanted, form)
    comments = {}
    for number in wanted.numbers:
        name, labelled = case_name(number), number <= wanted.labelled
        spec, comments[name] = wanted.spec(number)
        report((number - 1) / len(wanted.numbers), name)
        if not is_written(root, form, name, labelled=labelled):
            phantom = make_phantom(spec)
            write_case(root, form, name, phantom.scan, labels_of(phantom) if labelled else None)
    finish(root, form, comments)


def labels_of(phantom: Phantom) -> StructureSet:
    """The seven labels; a structure that she does not have is empty, as a clinician would leave it."""
    grid = phantom.scan.geometry
    masks = {i: phantom.truth.mask(i) if phantom.truth.has(i) else Mask.empty(grid) for i in STRUCTURES}
    return StructureSet.of(grid, [Contour(i, mask, Source.PHANTOM, NOTE) for i, mask in masks.items()])


def cohort_size(text: str) -> tuple[int, int]:
    """(100, 10) from "100+10", (12, 0) from "12". BadSetting for other words."""
    parts = text.split("+")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise BadSetting(f"{text!r} is no size of a cohort.", advice="Write 100+10: labelled and held out.")
    return int(parts[0]), int(parts[1]) if len(parts) == 2 else 0


def _claim(root: Path, wanted: SyntheticCohort, form: Form) -> None:
    """Says what lies here, and refuses to mix two cohorts."""
    told = {
        "synthetic": NOTE,
        "form": form.value,
        "hospital": wanted.hospital.value,
        "seed": wanted.seed,
        "labelled": wanted.labelled,
        "held_out": wanted.held_out,
        "voxel_mm": wanted.voxel_mm,
    }
    text = json.dumps(told, indent=2) + "\n"
    path = root / TOLD_FILE
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise BadSetting("The folder holds another synthetic cohort.", advice="Choose another folder.")
    elif root.exists() and any(root.iterdir()):
        raise BadSetting("The folder is not empty.", advice="Choose a new or empty folder.")
    else:
        write_file(path, text.encode())


def _second(spec: PhantomSpec, rng: np.random.Generator) -> PhantomSpec:
    """The same kind of patient as the second hospital has and sees her."""
    pixel = float(rng.uniform(2.6, 3.4))
    size = (2 * round(430.0 / pixel / 2), 2 * round(350.0 / pixel / 2))
    x, y, z = (float(rng.uniform(1.04, 1.14)) for _ in range(3))
    return replace(
        spec,
        matrix_ij=size,
        pixel_mm=(pixel, pixel),
        slice_step_mm=5.0,
        contrast=False,
        noise_hu=float(rng.uniform(28, 42)),
        texture_hu=float(rng.uniform(8, 14)),
        body_scale=(x, y, z),
        bladder_filling_cc=float(rng.uniform(280, 520)),
        uterus_cc=float(rng.uniform(90, 200)),
        vagina_length_mm=float(rng.uniform(50, 70)),
        parametrium_thickness_mm=float(rng.uniform(10, 18)),
    )
