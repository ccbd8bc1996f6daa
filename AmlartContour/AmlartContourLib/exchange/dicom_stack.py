"""From the files of one series to slices in order, each guard with its own message.

Invariants: slices ascend along the cross product of the row and column directions, so the grid is
right-handed whichever way the patient lay; spacing comes from positions. What was left out is named
in the findings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from AmlartContourLib.contract.errors import BadGeometry, InputRefused, IrregularSlices, TooLarge
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.dicom_file import DicomFile, Role
from AmlartContourLib.exchange.dicom_folder import names_of
from AmlartContourLib.exchange.dicom_slice import Slice, placed
from AmlartContourLib.exchange.dicom_values import text
from AmlartContourLib.exchange.limits import Limits
from AmlartContourLib.exchange.slice_steps import RESAMPLE_ADVICE, SliceSteps, main_run

SamePixels = Callable[[Slice, Slice], bool]


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in ascending order with the steps between them. `irregular` says, in sentences, why they are no
    grid without resampling; empty where they are one."""

    slices: tuple[Slice, ...]
    steps: SliceSteps
    irregular: tuple[str, ...]
    findings: tuple[str, ...]

    @property
    def geometry(self) -> Geometry:
        """The grid of a stack that is one; the first slice's position is exact. IrregularSlices otherwise."""
        if self.irregular:
            raise IrregularSlices(" ".join(self.irregular), kept="Nothing was read.", advice=RESAMPLE_ADVICE)
        first = self.slices[0]
        return Geometry.from_matrix(
            (*first.size_ij, len(self.slices)),
            (*first.spacing_ij_mm, self.steps.mean_step_mm),
            first.position_lps,
            first.axes.T,
        )


def build_stack(files: tuple[DicomFile, ...], same_pixels: SamePixels, limits: Limits) -> Stack:
    """The largest consistent stack of one series.

    `same_pixels` is asked only about slices at one position. Raises IrregularSlices, BadGeometry,
    DamagedFile, InputRefused (enhanced CT) or TooLarge.
    """
    findings: list[str] = []
    slices = [placed(f) for f in _slices_only(files, findings)]
    slices = _largest_group(slices, findings)
    _require_within(slices, limits)
    _require_one_frame(slices)
    _require_one_patient(slices)
    return _best_stack(slices, same_pixels, findings)


def _slices_only(files: tuple[DicomFile, ...], findings: list[str]) -> list[DicomFile]:
    for role in (Role.LOCALISER, Role.CAPTURE, Role.OTHER):
        others = [f.name for f in files if f.role is role]
        if others:
            findings.append(f"Left out of the series, {role.value}: {names_of(others)}.")
    return [f for f in files if f.role is Role.SLICE]


def _largest_group(slices: list[Slice], findings: list[str]) -> list[Slice]:
    groups: list[list[Slice]] = []
    for one in slices:
        home = next((group for group in groups if group[0].fits(one)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    groups.sort(key=len, reverse=True)
    if len(groups) > 1 and len(groups[0]) == len(groups[1]):
        raise IrregularSlices(
            "The series mixes images of different sizes or orientations, and no kind is the most frequent.",
            kept="Nothing was read.",
            advice="Take the images that are not the planning CT out of the folder.",
        )
    extra = [one.file.name for group in groups[1:] for one in group]
    if extra:
        images = "1 image" if len(extra) == 1 else f"{len(extra)} images"
        findings.append(f"{images} of another size, spacing or orientation left out: {names_of(extra)}.")
    return groups[0]


def _require_within(slices: list[Slice], limits: Limits) -> None:
    if len(slices) > limits.slices:
        raise TooLarge(
            f"The series has {len(slices)} slices; the limit is {limits.slices}.",
            kept="Nothing was read.",
            advice="Export the part of the scan with pelvis and abdomen.",
        )
    limits.require_voxels((*slices[0].size_ij, len(slices)), "The series")


def _require_one_frame(slices: list[Slice]) -> None:
    if len({one.frame_uid for one in slices}) > 1:
        raise BadGeometry(
            "The slices belong to different frames of reference, so their positions cannot be compared.",
            kept="Nothing was read.",
            advice="Take the images of the other acquisition out of the folder.",
        )


def _require_one_patient(slices: list[Slice]) -> None:
    """By PatientID alone: a name may be written in several ways."""
    if len({text(one.file.header, "PatientID") for one in slices}) > 1:
        raise InputRefused(
            "The slices of the series state different patient numbers, so they may be of different people.",
            kept="Nothing was read.",
            advice="Export the series again; take the images of anybody else out of the folder.",
        )


def _best_stack(slices: list[Slice], same_pixels: SamePixels, findings: list[str]) -> Stack:
    """All slices if they make a grid; else those of the most frequent image type, if these do."""
    try:
        whole = _stack(slices, same_pixels, findings)
        problem = None
    except IrregularSlices as error:
        whole, problem = None, error
    if whole is not None and not whole.irregular:
        return whole
    kinds = [one.file.image_type[:3] for one in slices]
    usual = max(set(kinds), key=kinds.count)
    extra = [one.file.name for one, kind in zip(slices, kinds, strict=True) if kind != usual]
    if extra and len(extra) < len(slices) / 2:
        main = [one for one, kind in zip(slices, kinds, strict=True) if kind == usual]
        left_out = f"{len(extra)} images of another image type left out: {names_of(extra)}."
        try:
            stack = _stack(main, same_pixels, [*findings, left_out])
        except IrregularSlices:
            stack = None
        if stack is not None and not stack.irregular:
            return stack
    if whole is not None:
        return whole
    assert problem is not None
    raise problem


def _stack(slices: list[Slice], same_pixels: SamePixels, findings: list[str]) -> Stack:
    findings = list(findings)
    axes = slices[0].axes
    ordered = sorted(slices, key=lambda one: (float(one.position_lps @ axes[2]), one.file.name))
    ordered = _without_duplicates(ordered, same_pixels, findings)
    ordered = _without_outlying(ordered, findings)
    _require_own_identities(ordered)
    steps = SliceSteps.of(np.stack([one.position_lps for one in ordered]), axes)
    steps.require_usable()
    # One set of axes for the whole stack: cosines may differ by rounding from slice to slice.
    same_axes = tuple(replace(one, axes=axes) for one in ordered)
    return Stack(same_axes, steps, steps.irregularities(), tuple(findings))


def _without_duplicates(ordered: list[Slice], same_pixels: SamePixels, findings: list[str]) -> list[Slice]:
    kept: list[Slice] = []
    doubles: list[str] = []
    for one in ordered:
        if not kept or not one.same_place(kept[-1]):
            kept.append(one)
        elif same_pixels(one, kept[-1]):
            doubles.append(one.file.name)
        else:
            raise IrregularSlices(
                f"{kept[-1].file.name} and {one.file.name} lie at one position and show different images.",
                kept="Nothing was read.",
                advice="The series mixes two acquisitions or reconstructions; take one of them out.",
            )
    if doubles:
        copies = "1 slice" if len(doubles) == 1 else f"{len(doubles)} slices"
        findings.append(f"{copies} present twice with the same pixels; read once: {names_of(doubles)}.")
    return kept


def _without_outlying(ordered: list[Slice], findings: list[str]) -> list[Slice]:
    along = np.array([one.position_lps @ one.axes[2] for one in ordered])
    run = main_run(along)
    extra = [one.file.name for one in (*ordered[: run.start], *ordered[run.stop :])]
    if extra:
        count = "1 slice" if len(extra) == 1 else f"{len(extra)} slices"
        findings.append(f"{count} far outside the run of the others left out: {names_of(extra)}.")
    return ordered[run]


def _require_own_identities(slices: list[Slice]) -> None:
    seen: dict[str, Slice] = {}
    for one in slices:
        other = seen.setdefault(one.file.sop_uid, one) if one.file.sop_uid else one
        if other is not one:
            raise IrregularSlices(
                f"{other.file.name} and {one.file.name} lie at different positions and carry one identity "
                "(SOPInstanceUID).",
                kept="Nothing was read.",
                advice="Export the series again; a contour could not tell the two slices apart.",
            )
