"""What each structure is called and shown as in an RTSTRUCT: the catalogue's words, or the site's instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.structure_set import Contour, Source
from AmlartContourLib.domain.structures import ROI_NAME_LENGTH, Catalogue, Structure
from AmlartContourLib.exchange.dicom_identity import plain_text

MAX_DESCRIPTION = 64  # DICOM's LO
ROI_TYPES = frozenset({"GTV", "CTV", "PTV", "ORGAN", "AVOIDANCE", "EXTERNAL", "CONTROL", ""})

# What a person had a hand in is not automatic; what came from another program's file is not known.
ALGORITHMS = {
    Source.IMPORTED: "",
    Source.DRAWN: "MANUAL",
    Source.GUIDELINE: "AUTOMATIC",
    Source.MODEL: "AUTOMATIC",
    Source.DERIVED: "AUTOMATIC",
    Source.COMPOSED: "SEMIAUTOMATIC",
    Source.PHANTOM: "AUTOMATIC",
}


@dataclass(frozen=True)
class RoiChoices:
    """A site's own words by catalogue id; what is not named keeps the catalogue's.

    names: at most 16 plain characters. colours_rgb: 0 to 255. roi_types: DICOM's RT ROI Interpreted Type,
    such as "ORGAN" instead of "CTV" for the parametrium; empty for none.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    colours_rgb: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    roi_types: Mapping[str, str] = field(default_factory=dict)


CATALOGUE_WORDS = RoiChoices()


@dataclass(frozen=True)
class RoiLabel:
    """One structure as the file will show it."""

    structure: Structure
    name: str
    colour_rgb: tuple[int, int, int]
    roi_type: str


def roi_labels(ids: Iterable[str], catalogue: Catalogue, choices: RoiChoices) -> dict[str, RoiLabel]:
    """Labels by id, in the order given.

    Raises UnknownStructure for an id the catalogue lacks, and BadSetting for a name that is empty, longer
    than 16 characters, not plain text or, whatever the case of its letters, used twice; for a colour
    outside 0 to 255; and for a type that DICOM does not define for these structures.
    """
    labels: dict[str, RoiLabel] = {}
    owners: dict[str, str] = {}
    for structure_id in ids:
        structure = catalogue[structure_id]
        name = choices.names.get(structure_id, structure.roi_name)
        _check_name(name, structure_id)
        owner = owners.setdefault(name.casefold(), structure_id)
        if owner != structure_id:
            raise BadSetting(
                f"{owner} and {structure_id} would both be called {name!r}.",
                kept="Nothing was written.",
                advice="Give one of them another name.",
            )
        colour = choices.colours_rgb.get(structure_id, structure.colour_rgb)
        roi_type = choices.roi_types.get(structure_id, structure.rt_roi_type)
        _check_looks(structure_id, colour, roi_type)
        labels[structure_id] = RoiLabel(structure, name, colour, roi_type)
    return labels


def generation_description(contour: Contour) -> str:
    """How a contour came about, in at most 64 characters."""
    words = f"{contour.source.value}; {contour.note}" if contour.note else contour.source.value
    return plain_text(words, MAX_DESCRIPTION)


def _check_name(name: str, structure_id: str) -> None:
    if not name or name != plain_text(name, ROI_NAME_LENGTH):
        raise BadSetting(
            f"The name {name!r} for {structure_id} cannot be written to an RTSTRUCT.",
            kept="Nothing was written.",
            advice=f"Use 1 to {ROI_NAME_LENGTH} plain letters, digits and signs, without a backslash.",
        )


def _check_looks(structure_id: str, colour: tuple[int, int, int], roi_type: str) -> None:
    if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
        raise BadSetting(f"The colour {colour} for {structure_id} is not three numbers from 0 to 255.")
    if roi_type not in ROI_TYPES:
        known = ", ".join(sorted(t for t in ROI_TYPES if t))
        raise BadSetting(f"{roi_type!r} is no ROI type for {structure_id}.", advice=f"Choose one of {known}.")
