"""Other programs' RTSTRUCT readers and writers behind one command, each call in a process of its own.

    python rt_peer_program.py read|write <peer> <rtstruct> <CT folder> <masks.npz>

A process of its own keeps their imports, threads, printing and warnings out of the tests. Masks are [k, j, i]
by ROI name, in the order of slices along the image's normal. Prints the seconds that the work itself took by
the clock and of the processor, without imports.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Masks = dict[str, np.ndarray]


def read_rt_utils(rtstruct: Path, ct: Path) -> Masks:
    from rt_utils import RTStructBuilder

    opened = RTStructBuilder.create_from(str(ct), str(rtstruct))
    return {n: np.moveaxis(opened.get_roi_mask_by_name(n), 2, 0) for n in opened.get_roi_names()}


def write_rt_utils(rtstruct: Path, ct: Path, masks: Masks) -> None:
    from rt_utils import RTStructBuilder

    new = RTStructBuilder.create_new(str(ct))
    for name, mask in masks.items():
        new.add_roi(np.moveaxis(mask, 0, 2), name=name)
    new.save(str(rtstruct))


def read_dicomrttool(rtstruct: Path, ct: Path) -> Masks:
    from DicomRTTool.ReaderWriter import DicomReaderWriter

    with tempfile.TemporaryDirectory() as folder:
        for file in ct.iterdir():
            (Path(folder) / file.name).symlink_to(file.resolve())
        (Path(folder) / "rs.dcm").symlink_to(rtstruct.resolve())
        reader = DicomReaderWriter(verbose=False, arg_max=False)
        reader.walk_through_folders(folder)
        names = reader.return_rois(print_rois=False)
        reader.set_contour_names_and_associations(contour_names=names)
        reader.get_images_and_mask()
    return {name: reader.mask[..., n + 1] > 0 for n, name in enumerate(names)}


def write_dicomrttool(rtstruct: Path, ct: Path, masks: Masks) -> None:
    from DicomRTTool.ReaderWriter import DicomReaderWriter

    writer = DicomReaderWriter(verbose=False)
    writer.walk_through_folders(str(ct))
    writer.get_images()
    stack = np.stack([np.zeros_like(next(iter(masks.values()))), *masks.values()], axis=-1)
    with tempfile.TemporaryDirectory() as folder:
        writer.prediction_array_to_RT(stack.astype(np.uint8), folder, list(masks))
        next(Path(folder).glob("*.dcm")).replace(rtstruct)


def read_dcmrtstruct2nii(rtstruct: Path, ct: Path) -> Masks:
    import pydicom

    pydicom.read_file = pydicom.dcmread  # it calls the old name, which pydicom 3 no longer has
    from dcmrtstruct2nii import dcmrtstruct2nii

    with tempfile.TemporaryDirectory() as folder:
        dcmrtstruct2nii(str(rtstruct), str(ct), folder, convert_original_dicom=False, gzip=False)
        return _volumes(Path(folder), "mask_")


def read_plastimatch(rtstruct: Path, ct: Path, program: str = "plastimatch") -> Masks:
    with tempfile.TemporaryDirectory() as folder:
        _run(
            *(program, "convert", "--input", rtstruct, "--referenced-ct", ct),
            *("--output-prefix", f"{folder}/out", "--prefix-format", "nrrd"),
        )
        return _volumes(Path(folder) / "out", "")


def write_plastimatch(rtstruct: Path, ct: Path, masks: Masks, program: str = "plastimatch") -> None:
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(ct)))
    grid = reader.Execute()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").mkdir()
        for name, mask in masks.items():
            image = sitk.GetImageFromArray(mask.astype(np.uint8))
            image.CopyInformation(grid)
            sitk.WriteImage(image, f"{folder}/in/{name}.nrrd")
        _run(
            *(program, "convert", "--input-prefix", f"{folder}/in", "--referenced-ct", ct),
            *("--output-dicom", f"{folder}/out"),
        )
        next(Path(folder, "out").glob("*")).replace(rtstruct)


def _volumes(folder: Path, prefix: str) -> Masks:
    """Masks that a program wrote as one volume each."""
    import SimpleITK as sitk

    return {
        file.name.removeprefix(prefix).split(".")[0]: sitk.GetArrayFromImage(sitk.ReadImage(str(file))) > 0
        for file in folder.iterdir()
    }


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


READERS: dict[str, Callable[[Path, Path], Masks]] = {
    "rt-utils": read_rt_utils,
    "DicomRTTool": read_dicomrttool,
    "dcmrtstruct2nii": read_dcmrtstruct2nii,
    "plastimatch": read_plastimatch,
    "plastimatch of the system": lambda r, c: read_plastimatch(r, c, "/usr/bin/plastimatch"),
}
WRITERS: dict[str, Callable[[Path, Path, Masks], None]] = {
    "rt-utils": write_rt_utils,
    "DicomRTTool": write_dicomrttool,
    "plastimatch": write_plastimatch,
    "plastimatch of the system": lambda r, c, m: write_plastimatch(r, c, m, "/usr/bin/plastimatch"),
}


def main(verb: str, peer: str, rtstruct: Path, ct: Path, masks: Path) -> None:
    given: Masks = {}
    if verb == "write":
        with np.load(masks) as stored:
            given = {name: stored[name] for name in stored.files}
    before, started = os.times(), time.perf_counter()
    if verb == "write":
        WRITERS[peer](rtstruct, ct, given)
    else:
        found = READERS[peer](rtstruct, ct)
    spent, after = time.perf_counter() - started, os.times()
    processor = sum(after[:4]) - sum(before[:4])  # own and children's, user and system
    if verb == "read":
        np.savez(masks, **found)  # type: ignore[arg-type]
    sys.stdout.write(f"\nseconds {spent:.4f} {processor:.4f}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(Path(word) for word in sys.argv[3:6]))
