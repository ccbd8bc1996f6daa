"""One case written out, whole or not at all, and read back before it gets its name.

    masks/<id>.nii.gz     one mask per structure, overlaps kept
    labels.nii.gz, .json  one flat label map, with its priority and its losses
    rtstruct.dcm          the same contours against the CT's own slices
    ct/                   a CT series, only where the scan has no DICOM slices to refer to
    provenance.json       from what, by what, how, and how well each file reads back

Invariants: every contour is read back with the project's own readers and compared voxel for voxel; where one
voxel differs the export is refused and nothing is left. Scan and contours that came in are not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import ReadBackDiffers
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from AmlartContourLib.exchange.case_record import CaseRecord
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.nifti_out import (
    LabelMapWritten,
    default_priority,
    label_map_content,
    names_file,
    write_label_map,
    write_masks,
)
from AmlartContourLib.exchange.provenance import Agreement, Provenance, texts_of, written_files
from AmlartContourLib.exchange.read_back import ct_series_as_written, masks_by_id, masks_by_roi_name
from AmlartContourLib.exchange.roi_labels import RoiChoices
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct

MASKS, LABELS, RTSTRUCT, CT_SERIES = "masks", "labels.nii.gz", "rtstruct.dcm", "ct"
PROVENANCE = "provenance.json"
UNNAMED = "unnamed case"  # patient ID of a CT series that is written for a CT without any
Progress = Callable[[float, str], None]


class Format(Enum):
    """What an export may hold. Member values are written to provenance files: never change one."""

    MASKS = "nifti_masks"
    LABEL_MAP = "nifti_label_map"
    RTSTRUCT = "rtstruct"


ALL_FORMATS = frozenset(Format)


@dataclass(frozen=True)
class Exported:
    """Where the export lies and what its provenance says."""

    folder: Path
    provenance: Provenance


def export_case(
    target: Path,
    scan: CtScan,
    structures: StructureSet,
    record: CaseRecord,
    catalogue: Catalogue,
    *,
    formats: frozenset[Format] = ALL_FORMATS,
    if_exists: IfExists = IfExists.REFUSE,
    add_files: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Writes the case into a folder that appears complete or not at all.

    Names and colours in the RTSTRUCT are those of the record's preset. `add_files` may write further files,
    such as the report, into the folder; their hashes are recorded too. Raises ReadBackDiffers, with nothing
    left behind, where a file does not hold what was given; ExportFailed where the target is there already
    (see IfExists), nothing can be written, or an RTSTRUCT is asked for and no structure holds a voxel;
    GeometryMismatch where contours and scan lie on different grids.
    """
    scan.geometry.require_same(structures.geometry, "The set of contours")
    work = _Export(scan, structures, record, catalogue, formats, progress or _silent)
    made: list[Provenance] = []

    def fill(folder: Path) -> None:
        made.append(work.write(folder, add_files))

    return Exported(write_folder(target, fill, if_exists), made[-1])


@dataclass(frozen=True, eq=False)
class _Export:
    """One export under way."""

    scan: CtScan
    structures: StructureSet
    record: CaseRecord
    catalogue: Catalogue
    formats: frozenset[Format]
    progress: Progress

    def write(self, folder: Path, add_files: Callable[[Path], None] | None) -> Provenance:
        """Everything, the provenance file last."""
        agreements: list[Agreement] = []
        label_map = None
        if Format.MASKS in self.formats:
            self.progress(0.0, "Writing masks")
            agreements += self._masks(folder / MASKS)
        if Format.LABEL_MAP in self.formats:
            self.progress(0.4, "Writing the label map")
            label_map, found = self._label_map(folder / LABELS)
            agreements += found
        if Format.RTSTRUCT in self.formats:
            self.progress(0.5, "Writing the RTSTRUCT")
            agreements += self._rtstruct(folder)
        _require_equal(agreements)
        if add_files is not None:
            self.progress(0.8, "Writing the report")
            add_files(folder)
        self.progress(0.95, "Writing the provenance file")
        now = datetime.now(UTC)
        files = written_files(folder)
        made = Provenance(
            self.record, self.structures, self.catalogue, now, files, tuple(agreements), label_map
        )
        (folder / PROVENANCE).write_bytes(made.to_bytes())
        return made

    def _masks(self, folder: Path) -> list[Agreement]:
        folder.mkdir()
        write_masks(folder, self.structures)
        found = masks_by_id(folder, self.structures, self.catalogue)
        return _compared(self.structures, found, Format.MASKS)

    def _label_map(self, path: Path) -> tuple[LabelMapWritten, list[Agreement]]:
        priority = default_priority(self.structures, self.catalogue)
        written = write_label_map(path, self.structures, priority, self.catalogue)
        found = masks_by_id(path, self.structures, self.catalogue, names_file(path))
        return written, _compared(label_map_content(self.structures, priority), found, Format.LABEL_MAP)

    def _rtstruct(self, folder: Path) -> list[Agreement]:
        preset = self.record.preset
        choices = RoiChoices(preset.names, preset.colours) if preset else RoiChoices()
        headers, structures = self._referred_to(folder / CT_SERIES)
        written = write_rtstruct(folder / RTSTRUCT, structures, headers, self.catalogue, choices=choices)
        by_name = masks_by_roi_name(written.path, structures.geometry, headers)
        found = {roi.structure_id: by_name[roi.name] for roi in written.rois if roi.name in by_name}
        return _compared(structures, found, Format.RTSTRUCT)

    def _referred_to(self, folder: Path) -> tuple[tuple[Dataset, ...], StructureSet]:
        """The slices an RTSTRUCT refers to, and the structures in their order.

        Where the source has no slices, a series is written beside the RTSTRUCT, its axes swapped and flipped
        (never resampled) to run closest to left, posterior, superior: planning systems expect them so.
        """
        if self.scan.has_dicom_slices:
            return self.scan.headers, self.structures
        order = canonical(self.scan.geometry)
        scan = self.scan.reordered(order)
        headers = write_ct_series(folder, scan, pseudonym=self.record.pseudonym or UNNAMED)
        if not ct_series_as_written(folder, scan):
            raise _differs("the CT series does not read back as the CT that was given")
        return headers, self.structures.reordered(order)


def _compared(given: StructureSet, found: Mapping[str, Mask], form: Format) -> list[Agreement]:
    """Each structure as given and as read; one that the file lacks counts as empty."""
    nothing = Mask.empty(given.geometry)
    return [
        Agreement.between(c.structure_id, form.value, c.mask, found.get(c.structure_id, nothing))
        for c in given
    ]


def _require_equal(agreements: list[Agreement]) -> None:
    different = texts_of(agreements)
    if different:
        raise _differs("; ".join(different))


def _differs(how: str) -> ReadBackDiffers:
    return ReadBackDiffers(
        f"What was written does not read back as it was given: {how}.",
        kept="Nothing is left under the export's name.",
        advice="Please report this with the software's version; another format may still be usable.",
    )


def _silent(_fraction: float, _stage: str) -> None:
    """Progress for nobody."""
