"""The page on reading a CT states the numbers that the code uses."""

from __future__ import annotations

import pytest

from AmlartContourLib.exchange import dicom_slice, hounsfield, nifti_in, slice_steps
from AmlartContourLib.exchange.limits import MIB, Limits
from support.source_tree import ROOT

PAGE = (ROOT / "docs" / "ct-input.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (
            "a slice off the even, straight stack",
            f"{slice_steps.EVEN_TOLERANCE_MM:g} mm",
        ),
        ("two slices at one position", f"{dicom_slice.SAME_PLACE_MM:g} mm"),
        ("far ends of rows and columns within one stack", f"{dicom_slice.SAME_EDGES_MM:g} mm"),
        ("NIfTI: corners by sform and as read", f"{nifti_in.SAME_PLACE_MM:g} mm"),
        ("files in a folder", str(Limits().files)),
        ("slices", str(Limits().slices)),
        ("voxels, also after resampling", str(Limits().voxels)),
        ("one DICOM file, also unpacked", f"{Limits().dicom_file_bytes // MIB} MiB"),
        ("one NIfTI file", f"{Limits().nifti_file_bytes // MIB} MiB"),
    ],
)
def test_the_table_holds_the_limits_and_tolerances(row: str, value: str) -> None:
    assert f"| {row} | {value} |" in PAGE


def test_the_text_holds_the_other_numbers() -> None:
    far = f"more than {slice_steps.OUTLYING_GAP_STEPS:g} steps and {slice_steps.OUTLYING_GAP_MM:g} mm"
    for words in (far, f"above {hounsfield.TISSUE_HU[1]} HU", f"at or below {hounsfield.FAT_HU} HU"):
        assert words in PAGE
