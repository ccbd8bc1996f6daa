"""A data set of labelled CTs as it lies on the disk, case by case, whatever its form.

Known forms: nnU-Net raw data sets (the AMLART layout), a folder for each patient with a CT and masks, and a
folder for each patient with a CT series and an RTSTRUCT. Opening reads names only; a case is read when it is
asked for. A label that is missing is normal; one that cannot be read is told and the others are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError, InputRefused
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.dicom_folder import scan_folder
from AmlartContourLib.exchange.limits import Limits
from AmlartContourLib.exchange.masks_in import DATASET, is_amlart_root, read_mask_file
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import stem, volumes_in
from inference_backend.dataset.layout import (
    CHANNEL,
    CT_STEM,
    TEST_IMAGES,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Form,
)
from inference_backend.dataset.notes import Notes, notes_file, read_notes

CT_STEMS = (CT_STEM, "image", "volume", "scan")
MASK_FOLDERS = ("masks", "segmentations", "truth")


@dataclass(frozen=True)
class CohortCase:
    """One patient's scan: where the CT is, and the file of each label by the name it goes by.

    `labels` is empty for a held-out case. For DICOM its one entry is the RTSTRUCT.
    """

    id: str
    image: Path
    labels: Mapping[str, Path]
    comment: str = ""

    @property
    def is_labelled(self) -> bool:
        """True where at least one label is there."""
        return bool(self.labels)


@dataclass(frozen=True)
class Cohort:
    """All cases of a folder in the order of their names. `messages`: what was met on opening, in words."""

    root: Path
    form: Form
    cases: tuple[CohortCase, ...]
    messages: tuple[str, ...] = ()

    @property
    def labelled(self) -> tuple[CohortCase, ...]:
        """Cases with labels."""
        return tuple(case for case in self.cases if case.is_labelled)

    def case(self, case_id: str) -> CohortCase:
        """One case. InputRefused where there is none of that name."""
        for case in self.cases:
            if case.id == case_id:
                return case
        raise InputRefused(f"The cohort has no case {case_id!r}.")


@dataclass(frozen=True, eq=False)
class LabelledCase:
    """A case as read. `broken`: a sentence for each label that could not be read; `messages`: what else
    was said of the labels. What was said of the scan is in its findings."""

    id: str
    scan: CtScan
    structures: StructureSet
    messages: tuple[str, ...] = ()
    broken: tuple[str, ...] = field(default=())


def open_cohort(root: Path) -> Cohort:
    """The cohort in a folder. InputRefused where no form is known by it; other errors as `read_notes`."""
    if not root.is_dir():
        raise InputRefused("The cohort's folder is not there.", advice="Check the path.")
    form, cases = _cases_of(root)
    if not cases:
        raise InputRefused(
            f"{root.name} holds no cohort.",
            advice="Expected are Dataset001_Name/imagesTr and labelsTr, or a folder for each patient.",
        )
    spreadsheet = notes_file(root)
    notes = read_notes(spreadsheet, [case.id for case in cases]) if spreadsheet else Notes({})
    joined = tuple(
        CohortCase(case.id, case.image, case.labels, notes.by_case.get(case.id, "")) for case in cases
    )
    return Cohort(root, form, joined, notes.messages)


def read_case(case: CohortCase, form: Form) -> LabelledCase:
    """The CT and its labels. Raises the refusals of `read_ct`; a label that is refused is told instead."""
    scan = read_ct(case.image)
    book, read = catalogue(), StructureSet(scan.geometry)
    messages: list[str] = []
    broken: list[str] = []
    for name, path in case.labels.items():
        try:
            found = (
                read_contours(path, scan, book)
                if form is Form.DICOM
                else read_mask_file(path, scan.geometry, book, name=name)
            )
        except AmlartError as error:
            broken.append(f"{name}: {error.what}")
        else:
            read = read.with_contours(*found.structures)
            messages += found.messages
    return LabelledCase(case.id, scan, read, tuple(messages), tuple(broken))


def joined(cohort: Cohort, other: Cohort) -> Cohort:
    """Both as one; root and notes are the first's. InputRefused where a name is in both, or one is DICOM and
    the other is not."""
    if (cohort.form is Form.DICOM) != (other.form is Form.DICOM):
        raise InputRefused(
            "A DICOM cohort and one of NIfTI files cannot be read as one.",
            advice="Convert the DICOM cohort first: `amlart cohort convert`.",
        )
    twice = {case.id for case in cohort.cases} & {case.id for case in other.cases}
    if twice:
        raise InputRefused(f"{len(twice)} cases of both cohorts have the same name.")
    return replace(cohort, cases=(*cohort.cases, *other.cases))


def _cases_of(root: Path) -> tuple[Form, tuple[CohortCase, ...]]:
    if is_amlart_root(root):
        datasets = sorted(p for p in root.iterdir() if p.is_dir() and DATASET.fullmatch(p.name))
        return Form.NNUNET, _of_datasets(datasets)
    if (root / TRAIN_IMAGES).is_dir():
        return Form.NNUNET, _of_datasets([root])
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = tuple(case for folder in folders if (case := _of_folder(folder)))
    if found:
        return Form.FOLDERS, found
    return Form.DICOM, tuple(_of_dicom(folders))


def _of_datasets(datasets: list[Path]) -> tuple[CohortCase, ...]:
    images: dict[str, Path] = {}
    labels: dict[str, dict[str, Path]] = {}
    for dataset in datasets:
        for part in (TRAIN_IMAGES, TEST_IMAGES):
            for path in _volumes(dataset / part):
                if stem(path).endswith(CHANNEL):
                    images.setdefault(stem(path).removesuffix(CHANNEL), path)
        name = dataset.name.partition("_")[2] or dataset.name
        for path in _volumes(dataset / TRAIN_LABELS):
            labels.setdefault(stem(path), {})[name] = path
    return tuple(CohortCase(i, images[i], labels.get(i, {})) for i in sorted(images))


def _of_folder(folder: Path) -> CohortCase | None:
    """A patient's folder with one CT volume beside its masks, or with the masks in a subfolder."""
    volumes = {stem(path): path for path in _volumes(folder)}
    wanted = (*CT_STEMS, folder.name.casefold(), f"{folder.name.casefold()}{CHANNEL}")
    image = next((path for name, path in volumes.items() if name.casefold() in wanted), None)
    if image is None:
        return None
    labels = {name: path for name, path in volumes.items() if path != image}
    for inner in (folder / name for name in MASK_FOLDERS):
        labels |= {stem(path): path for path in _volumes(inner)}
    return CohortCase(folder.name, image, labels)


def _of_dicom(folders: list[Path]) -> Iterator[CohortCase]:
    """Patients' folders with a CT series; of several RTSTRUCT files none is chosen."""
    for folder in folders:
        with quiet_pydicom():
            found = scan_folder(folder, Limits())
        if not found.ct_series():
            continue
        drawn = [f.path for files in found.series.values() for f in files if f.modality == "RTSTRUCT"]
        yield CohortCase(folder.name, folder, {"RTSTRUCT": drawn[0]} if len(drawn) == 1 else {})


def _volumes(folder: Path) -> list[Path]:
    return volumes_in(folder) if folder.is_dir() else []
