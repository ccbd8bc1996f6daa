"""The provenance file has the form of its schema, and tells how each contour came about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from AmlartContourLib.domain.composition import compose
from AmlartContourLib.domain.derivation import derive
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.case_record import CaseRecord, Engine, Input
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.nifti_out import LabelMapWritten, OverlapLoss
from AmlartContourLib.exchange.presets import list_presets, load_preset
from AmlartContourLib.exchange.provenance import (
    SCHEMA,
    Agreement,
    Provenance,
    texts_of,
    written_files,
)
from AmlartContourLib.exchange.resources import catalogue
from support.shapes import ball, block, centre, grid

GRID = grid((20, 18, 24))
WRITTEN = datetime(2026, 3, 1, 14, 5, 6, 789, tzinfo=timezone(timedelta(hours=2)))
BORDER = LevelBorder(BorderKind.AORTIC_BIFURCATION, (1.0, 2.0, -90.0), (0, 0, 1), "aorta splits in two", True)


def parts() -> StructureSet:
    """Parts in which rule 1 has something to move."""
    x, y, z = centre(GRID)
    shapes = {
        "cervix": ball(GRID, (x, y, z), 8),
        "uterus": ball(GRID, (x, y, z + 10), 8),
        "ln_pelvic": block(GRID, (x - 12, y - 8, z - 20), (x + 2, y + 8, z + 10)),
        "anorectum": ball(GRID, (x, y + 8, z), 7),
        "gtvp": Mask.empty(GRID),
    }
    return StructureSet.of(GRID, (Contour(i, m, Source.IMPORTED, "from a test") for i, m in shapes.items()))


def full() -> Provenance:
    """A provenance with every field filled."""
    selection = Selection(included=("cervix", "gtvp", "uterus", "ln_pelvic"))
    composition = compose(derive(parts(), [BORDER]), selection, catalogue())
    assert composition.messages
    record = CaseRecord(
        pseudonym="case-7",
        inputs=(Input("CT", "a" * 64, "DICOM"), Input("organ masks", "b" * 64)),
        engines=(Engine("guideline", "1.0.0"), Engine("network", "2", "c" * 64)),
        preset=load_preset(list_presets()[0]),
        selection=selection,
        messages=composition.messages,
        borders=(BORDER,),
        findings=("The scan was resampled.",),
        started=WRITTEN - timedelta(minutes=3),
        reviewer="Dr R. Viewer",
    )
    return Provenance(
        record,
        composition.composites,
        catalogue(),
        WRITTEN,
        agreements=(Agreement("ctvp", "nifti_masks", 5, 5, 0),),
        label_map=LabelMapWritten({"ctvp": 1}, ("ctvp",), (OverlapLoss("ctvn", "ctvp", 3, 0.1),)),
    )


def bare() -> Provenance:
    """Nothing known but that nothing was contoured."""
    return Provenance(CaseRecord(), StructureSet(GRID), catalogue(), WRITTEN)


def schema() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return data


@pytest.mark.parametrize("make", [full, bare])
def test_the_file_has_the_form_of_its_schema(make: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(make().to_bytes()), schema())


def test_the_schema_notices_what_is_wrong() -> None:
    plain = json.loads(full().to_bytes())
    for key, wrong in (("approval", "APPROVED"), ("notice", ""), ("files", [{"path": "../up"}])):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**plain, key: wrong}, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**plain, "patient": "x"}, schema())


def test_it_tells_source_rule_borders_and_choices() -> None:
    plain = json.loads(full().to_bytes())
    assert plain["approval"] == "UNAPPROVED"
    assert plain["reviewer"] == "Dr R. Viewer"
    assert plain["times_utc"] == {"started": "2026-03-01T12:02:06Z", "written": "2026-03-01T12:05:06Z"}
    assert plain["selection"]["include"] == ["cervix", "gtvp", "uterus", "ln_pelvic"]
    border = plain["level_borders"][0]
    assert (border["kind"], border["evidence"], border["estimated"]) == (
        "AORTIC_BIFURCATION",
        "aorta splits in two",
        True,
    )
    moved = [m for m in plain["rule_messages"] if m["rule"] == "DISJOINT" and m["trimmed"]]
    assert moved
    assert all(m["volume_cc"] > 0 for m in moved)
    assert {s["source"] for s in plain["structures"]} == {"COMPOSED"}
    assert plain["software"]["libraries"]["numpy"] == np.__version__


def test_no_position_of_the_grid_is_told() -> None:
    assert set(json.loads(bare().to_bytes())["grid"]) == {"size_ijk", "spacing_mm"}


def test_derived_structures_are_listed() -> None:
    structures = parts().with_contours(Contour("ctv_hr", Mask.empty(GRID), Source.DERIVED, "less"))
    plain = Provenance(CaseRecord(), structures, catalogue(), WRITTEN).to_json()
    assert plain["derived"] == ["ctv_hr"]


def test_agreement_counts_missing_and_added_voxels() -> None:
    given, found = (
        block(GRID, low, high)
        for low, high in (((-20, -40, -140), (10, 0, -100)), ((-20, -40, -130), (10, 0, -90)))
    )
    agreement = Agreement.between("ctvp", "rtstruct", given, found)
    union = given | found
    assert agreement.voxels_different == union.voxel_count - (given & found).voxel_count
    assert texts_of([agreement])[0].startswith("ctvp in rtstruct")
    assert texts_of([Agreement.between("ctvp", "rtstruct", given, given)]) == ()


def test_files_are_listed_with_their_hashes(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "b.txt").write_text("abc")
    (tmp_path / "a.txt").write_text("")
    files = written_files(tmp_path)
    assert [(f.path, f.bytes) for f in files] == [("a.txt", 0), ("masks/b.txt", 3)]
    assert files[1].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_has_one_hash_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "in").mkdir(parents=True)
        (tmp_path / name / "in" / "x").write_text("1")
        (tmp_path / name / "y").write_text("2")
    first = sha256_of(tmp_path / "one")
    assert first == sha256_of(tmp_path / "two")
    (tmp_path / "two" / "in").rename(tmp_path / "two" / "on")
    assert first != sha256_of(tmp_path / "two")


def test_times_are_in_utc_whatever_zone_they_came_in() -> None:
    here = Provenance(CaseRecord(started=WRITTEN), StructureSet(GRID), catalogue(), WRITTEN.astimezone(UTC))
    times = here.to_json()["times_utc"]
    assert times == {"started": "2026-03-01T12:05:06Z", "written": "2026-03-01T12:05:06Z"}
