"""Label maps that name their labels in their own header, as TotalSegmentator's --ml writes them."""

from __future__ import annotations

import gzip
import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.nifti_label_table import LIMIT_BYTES, label_table
from AmlartContourLib.exchange.resources import catalogue

# As TotalSegmentator 2.18's add_label_map_to_nifti writes it.
XML = (
    '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>   '
    '<VolumeInformation Index="0">   <LabelTable>\n'
    '<Label Key="1" Red="0.0" Green="1.0" Blue="0.0" Alpha="1"><![CDATA[urinary_bladder]]></Label>\n'
    '<Label Key="2" Red="0.0" Green="0.0" Blue="1.0" Alpha="1"><![CDATA[colon]]></Label>\n\n'
    "  </LabelTable>  <StudyMetaDataLinkSet>  </StudyMetaDataLinkSet>  "
    "<VolumeType><![CDATA[Label]]></VolumeType>   </VolumeInformation></CaretExtension>\n              "
)
GRID = Geometry((6, 5, 4), (1.0, 1.0, 2.0))


def labels() -> np.ndarray:
    """Two labels."""
    array = np.zeros(GRID.shape_kji, np.uint8)
    array[1, 1:3, 1:3], array[2, 2:, 2:] = 1, 2
    return array


def written(path: Path, text: str, array: np.ndarray | None = None) -> Path:
    """A label map with a text in its header's extension."""
    image = sitk.GetImageFromArray(labels() if array is None else array)
    image.SetSpacing(GRID.spacing_mm)
    plain = path.with_suffix("").with_suffix(".nii")
    sitk.WriteImage(image, str(plain))
    content = plain.read_bytes()
    block = text.encode() + b"\0" * (-(len(text.encode()) + 8) % 16)
    extension = struct.pack("<ii", len(block) + 8, 0) + block
    head = bytearray(content[:352])
    head[348] = 1
    struct.pack_into("<f", head, 108, float(352 + len(extension)))
    whole = bytes(head) + extension + content[352:]
    plain.unlink()
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


@pytest.mark.parametrize("name", ["seg.nii.gz", "seg.nii"])
def test_labels_are_named_by_the_header(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, XML)
    assert label_table(path) == {1: "urinary_bladder", 2: "colon"}
    found = read_contours(path, GRID, catalogue())
    assert found.structures.ids == ("bladder", "colon")
    assert np.array_equal(found.structures.mask("bladder").to_array(), labels() == 1)
    assert found.messages[0].startswith("Read as a label map, named in its own header")


def test_a_list_of_names_beside_the_file_goes_before_its_header(tmp_path: Path) -> None:
    path = written(tmp_path / "seg.nii.gz", XML)
    (tmp_path / "seg.json").write_text('{"1": "Rectum", "2": "Colon"}')
    assert read_contours(path, GRID, catalogue()).structures.ids == ("rectum", "colon")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<Label/>",
        '<Label Key="0"><![CDATA[background]]></Label>',
        '<Label Key="1"></Label>',
        "Key=1" * 900,
    ],
    ids=range(5),
)
def test_a_header_that_names_nothing_gives_nothing(tmp_path: Path, text: str) -> None:
    assert label_table(written(tmp_path / "seg.nii.gz", text)) == {}


def test_names_may_be_text_with_entities(tmp_path: Path) -> None:
    text = '<Label Key="3" Red="1"> Bowel &amp; bag </Label>'
    assert label_table(written(tmp_path / "seg.nii.gz", text)) == {3: "Bowel & bag"}


def test_what_is_no_nifti_or_claims_too_much_gives_nothing(tmp_path: Path) -> None:
    for content in (b"", b"\0" * 400, b"\x1f\x8b\x08 no gzip", struct.pack("<i", 348) + b"\0" * 20):
        path = tmp_path / "x.nii.gz"
        path.write_bytes(content)
        assert label_table(path) == {}
    head = bytearray(written(tmp_path / "y.nii", XML).read_bytes())
    struct.pack_into("<f", head, 108, float(LIMIT_BYTES * 2))
    (tmp_path / "y.nii").write_bytes(head)
    assert label_table(tmp_path / "y.nii") == {}


@pytest.mark.peer
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("totalsegmentator", "nibabel")),
    reason="TotalSegmentator is not installed",
)
def test_totalsegmentators_own_writer_is_understood(tmp_path: Path) -> None:
    import nibabel
    from totalsegmentator.nifti_ext_header import add_label_map_to_nifti

    image = nibabel.Nifti1Image(labels().T.copy(), np.diag([1.0, 1.0, 2.0, 1.0]))
    image = add_label_map_to_nifti(image, {1: "urinary_bladder", 2: "colon"})
    nibabel.save(image, tmp_path / "seg.nii.gz")
    assert label_table(tmp_path / "seg.nii.gz") == {1: "urinary_bladder", 2: "colon"}
