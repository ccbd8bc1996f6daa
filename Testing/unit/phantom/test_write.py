"""A phantom on disk: what is written is what was made, under names that lead back to the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from AmlartContourLib.contract.errors import ExportFailed
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.variants import VARIANTS
from inference_backend.phantom.write import organ_names, pseudonym, write_phantom

SPEC = replace(VARIANTS["one_kidney"], matrix_ij=(72, 60), pixel_mm=(5.6, 5.2), slice_step_mm=9.0)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(replace(SPEC, grid_tilt_deg=(6.0, 0.0, 5.0)))


@pytest.fixture(scope="module")
def folder(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("phantom") / "patient", phantom)


def _read(path: Path) -> tuple[np.ndarray, Geometry]:
    image = sitk.ReadImage(path)
    geometry = Geometry.from_matrix(
        image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    )
    return sitk.GetArrayFromImage(image), geometry


def test_the_nifti_ct_comes_back_unchanged(phantom: Phantom, folder: Path) -> None:
    hu, geometry = _read(folder / "ct.nii.gz")
    np.testing.assert_array_equal(hu, phantom.scan.hu_kji)
    assert geometry.same_as(phantom.scan.geometry)


def test_the_truth_comes_back_voxel_for_voxel_under_catalogue_ids(phantom: Phantom, folder: Path) -> None:
    files = {path.name.removesuffix(".nii.gz"): path for path in (folder / "truth").iterdir()}
    assert set(files) == set(phantom.truth.ids)
    for structure_id in ("ctvn", "vagina", "body"):
        array, _ = _read(files[structure_id])
        np.testing.assert_array_equal(array.astype(bool), phantom.truth.mask(structure_id).to_array())


def test_organ_files_have_names_that_the_catalogue_knows_and_hold_no_target(
    phantom: Phantom, folder: Path
) -> None:
    names = {path.name.removesuffix(".nii.gz") for path in (folder / "organs").iterdir()}
    assert {"urinary_bladder", "iliac_vena_left", "vertebrae_L5", "aorta", "hip_right"} <= names
    assert {catalogue().resolve(name).id for name in names} == set(organ_names(phantom))
    assert not any(name.startswith(("ctv", "ln_", "gtv")) for name in names)
    assert "kidney_left" not in names


def test_the_dicom_series_holds_the_same_values_and_a_name_that_says_phantom(
    phantom: Phantom, folder: Path
) -> None:
    slices = [pydicom.dcmread(path) for path in sorted((folder / "dicom").iterdir())]
    assert len(slices) == phantom.scan.geometry.size_ijk[2]
    stored = np.stack([s.pixel_array * int(s.RescaleSlope) + int(s.RescaleIntercept) for s in slices])
    np.testing.assert_array_equal(stored, phantom.scan.hu_kji)
    assert {s.PatientID for s in slices} == {"PHANTOM-ONE-KIDNEY"} == {pseudonym(phantom)}


def test_the_notes_say_synthetic_and_hold_the_specification(phantom: Phantom, folder: Path) -> None:
    notes = json.loads((folder / "phantom.json").read_text())
    assert "synthetic" in notes["synthetic"]
    assert "Research use only" in notes["notice"]
    assert notes["specification"]["missing"] == ["kidney_left"]
    assert notes["specification"]["patient_position"] == "HFS"
    assert notes["landmarks_lps"]["aortic_bifurcation"] == pytest.approx(
        phantom.landmarks_lps["aortic_bifurcation"], abs=0.01
    )


def test_without_dicom_no_series_is_written(phantom: Phantom, tmp_path: Path) -> None:
    written = write_phantom(tmp_path / "patient", phantom, dicom=False)
    assert sorted(path.name for path in written.iterdir()) == ["ct.nii.gz", "organs", "phantom.json", "truth"]


def test_a_folder_in_use_is_not_overwritten(phantom: Phantom, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ExportFailed):
        write_phantom(tmp_path, phantom)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
