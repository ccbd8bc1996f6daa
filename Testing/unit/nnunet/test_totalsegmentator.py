"""TotalSegmentator's own API on a folder of weights that was made here, and ours on the same folder.

It is asked where it is installed, or where AMLART_TOTALSEGMENTATOR_PYTHON names an interpreter that has it;
what it wrote once is kept and read always. Write it anew: python Testing/unit/nnunet/test_totalsegmentator.py
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.engines.nnunet_folder import NnUNetFolderEngine
from inference_backend.models.licences import accept
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.models.published import published, require_here
from inference_backend.models.store import bundle_folder
from support.nnunet_folders import Folder, rule_folder

PYTHON = os.environ.get("AMLART_TOTALSEGMENTATOR_PYTHON") or (
    sys.executable if importlib.util.find_spec("totalsegmentator") else ""
)
TESTING = Path(__file__).parents[2]
PROGRAM = TESTING / "support" / "totalsegmentator_program.py"
KEPT = TESTING / "support" / "totalsegmentator_kept.nii.gz"
TASK = "totalsegmentator:total-3mm"
TRAINER = "nnUNetTrainer_4000epochs_NoMirroring"
BLADDER, CLASSES = 21, 117  # of its task total
ABOVE_HU = 150.0
SIDE = 32


def scan() -> CtScan:
    """A ball and a bar of tissue that enhances, in tissue that does not; 3 mm, so nothing is resampled."""
    k, j, i = np.indices((SIDE, SIDE, SIDE))
    hu = np.full((SIDE, SIDE, SIDE), 40, dtype=np.int16)
    hu[(k - 15) ** 2 + (j - 13) ** 2 + (i - 12) ** 2 < 49] = 300
    hu[10:14, 22:26, 6:28] = 260
    return CtScan(hu, Geometry((SIDE, SIDE, SIDE), (3.0, 3.0, 3.0), (-40.0, 20.0, 100.0)))


def weights(folder: Path) -> Path:
    """TotalSegmentator's folder of weights for its task total at 3 mm: bladder is where HU are above 150."""
    labels = {"background": 0} | {f"class_{n}": n for n in range(1, CLASSES + 1)}
    labels = {("urinary_bladder" if n == BLADDER else name): n for name, n in labels.items()}
    what = Folder(labels=labels, trainer=TRAINER, mirrors=None)
    trained = folder / published(TASK).folders[0] / f"{TRAINER}__nnUNetPlans__3d_fullres"
    rule_folder(trained, ABOVE_HU, what, label=BLADDER)
    return folder


def written_by_totalsegmentator(folder: Path) -> Path:
    """What its own API writes for the scan, in a process of its own."""
    import SimpleITK as sitk

    ct = scan()
    image = sitk.GetImageFromArray(ct.hu_kji)
    image.SetSpacing(ct.geometry.spacing_mm)
    image.SetOrigin(ct.geometry.origin_lps)
    sitk.WriteImage(image, str(folder / "ct.nii.gz"))
    command = [PYTHON, str(PROGRAM), str(weights(folder / "weights")), str(folder / "ct.nii.gz")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(folder / "out.nii.gz")], check=True, env=environment, cwd=folder)
    return folder / "out.nii.gz"


def test_what_totalsegmentator_wrote_is_read_with_its_own_names() -> None:
    ct = scan()
    found = read_contours(KEPT, ct.geometry, catalogue())
    names = found.structures.ids
    assert {"bladder", "sacrum", "iliac_artery_left", "gluteus_maximus_right"} < set(names)
    assert [name for name in names if not found.structures.mask(name).is_empty] == ["bladder"]
    assert np.array_equal(found.structures.mask("bladder").to_array(), ct.hu_kji > ABOVE_HU)


def test_our_engine_draws_the_same_by_the_same_weights_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(weights(tmp_path / "weights")))
    pack = add_model(require_here(published(TASK)), Wish("total"), lambda _f, _s: None)
    assert pack.structures == ("bladder",)
    accept(bundle_folder("total"), pack.licence, "a test")
    engine, ct = NnUNetFolderEngine("total"), scan()
    engine.load("cpu")
    found = engine.contour(ct, ("bladder",), lambda _f, _s: None, lambda: False, StructureSet(ct.geometry))
    theirs = read_contours(KEPT, ct.geometry, catalogue()).structures.mask("bladder")
    assert found.masks.mask("bladder").same_voxels(theirs)


@pytest.mark.slow
@pytest.mark.peer
@pytest.mark.skipif(not PYTHON, reason="TotalSegmentator is not installed")
def test_totalsegmentators_own_api_runs_on_our_folder_and_calls_nobody(tmp_path: Path) -> None:
    ct = scan()
    found = read_contours(written_by_totalsegmentator(tmp_path), ct.geometry, catalogue())
    assert np.array_equal(found.structures.mask("bladder").to_array(), ct.hu_kji > ABOVE_HU)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(written_by_totalsegmentator(Path(place)), KEPT)
