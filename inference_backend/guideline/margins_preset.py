"""The millimetres of a guideline, read from a file a clinician can read. No margin lives in code.

Every number carries its value, its unit, its source and a tag: S stated in the cited source, C computed from
it, K recalled and not checked, E an engineering choice. A preset holds the pelvic numbers and names one
choice of para-aortic margins. Numbers tagged K are never a default: a caller names the choice that holds
them, and every result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.exchange.resources import RESOURCES, read_json

FOLDER = RESOURCES / "Guidelines"
PARA_AORTIC_FILE = "para_aortic.json"
MAX_MM = 100.0  # a longer margin is a slip of the pen


class Tag(Enum):
    """How well a number is founded. Member names are those of the files."""

    S = "stated in the cited source"
    C = "computed from the cited source"
    K = "recalled, not checked: unverified"
    E = "engineering choice"


@dataclass(frozen=True)
class Sourced:
    """One number with its unit ("mm", "HU", "sacral segments"), where it comes from and how well founded."""

    value: float
    unit: str
    source: str
    tag: Tag

    def __post_init__(self) -> None:
        if self.unit == "mm" and not 0 <= self.value <= MAX_MM:
            raise BadSetting(f"A length of {self.value:g} mm is not between 0 and {MAX_MM:g} mm.")
        if not self.source:
            raise BadSetting(f"The number {self.value:g} {self.unit} names no source.")

    def describe(self) -> str:
        """For messages: the number, its unit and its tag."""
        return f"{self.value:g} {self.unit} [{self.tag.name}]"


@dataclass(frozen=True)
class Switch:
    """A yes or no with its source and tag."""

    value: bool
    source: str
    tag: Tag


@dataclass(frozen=True)
class SidedMargin:
    """A margin with a length of its own towards each side of the patient."""

    left: Sourced
    right: Sourced
    anterior: Sourced
    posterior: Sourced
    superior: Sourced
    inferior: Sourced

    @property
    def margin(self) -> Margin:
        """The lengths alone."""
        return Margin(*(getattr(self, item.name).value for item in fields(self)))


@dataclass(frozen=True)
class ParaAorticMargins:
    """One choice of margins round aorta and inferior vena cava; `statement` goes into every result's
    messages."""

    id: str
    title: str
    statement: str
    aorta: SidedMargin
    inferior_vena_cava: SidedMargin


@dataclass(frozen=True)
class Exclusions:
    """What is taken out of the nodal CTV; `bladder_from_strips` from obturator and estimated parts only."""

    bones: Switch
    muscles: Switch
    bowel: Switch
    bladder: Switch
    bladder_from_strips: Switch
    kidneys: Switch


@dataclass(frozen=True)
class GuidelineMargins:
    """All numbers of one guideline. `presacral_segments` counts sacral vertebrae from the promontory down."""

    id: str
    version: str
    title: str
    verified_against_primary: bool
    notes: tuple[str, ...]
    vessel_margin: Sourced
    external_iliac_anterolateral: Sourced
    obturator_strip_width: Sourced
    presacral_depth: Sourced
    presacral_segments: Sourced
    in_plane_closing: Sourced
    fat_wedge_reach: Sourced
    fat_wedge_lowest_hu: Sourced
    fat_wedge_highest_hu: Sourced
    muscle_thickness: Sourced
    border_tolerance: Sourced
    exclude: Exclusions
    para_aortic: ParaAorticMargins

    def with_bladder_removed(self, removed: bool) -> GuidelineMargins:
        """The same with or without the bladder taken out, as chosen by the user."""
        bladder = Switch(removed, "chosen by the user", Tag.E)
        return replace(self, exclude=replace(self.exclude, bladder=bladder))

    def numbers(self) -> dict[str, Sourced]:
        """Every number by name, the para-aortic ones with a dotted name."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        found = {name: value for name, value in own.items() if isinstance(value, Sourced)}
        for vessel in ("aorta", "inferior_vena_cava"):
            sides: SidedMargin = getattr(self.para_aortic, vessel)
            found |= {f"para_aortic.{vessel}.{f.name}": getattr(sides, f.name) for f in fields(sides)}
        return found

    def unverified(self) -> dict[str, Sourced]:
        """The numbers tagged K."""
        return {name: value for name, value in self.numbers().items() if value.tag is Tag.K}

    def to_json(self) -> dict[str, object]:
        """For provenance: which preset, and every number and switch with source and tag."""
        switches = {f.name: getattr(self.exclude, f.name) for f in fields(self.exclude)}
        return {
            "id": self.id,
            "version": self.version,
            "verified_against_primary": self.verified_against_primary,
            "para_aortic": self.para_aortic.id,
            "numbers": {
                name: {"value": n.value, "unit": n.unit, "source": n.source, "tag": n.tag.name}
                for name, n in self.numbers().items()
            },
            "exclude": {
                name: {"value": s.value, "source": s.source, "tag": s.tag.name}
                for name, s in switches.items()
            },
        }


def preset_names() -> tuple[str, ...]:
    """Names of the presets that ship with this version."""
    names = (path.name for path in FOLDER.glob("*.json"))
    return tuple(sorted(n[:-5] for n in names if n != PARA_AORTIC_FILE and not n.endswith(".schema.json")))


def para_aortic_names() -> tuple[str, ...]:
    """Names of the choices of para-aortic margins."""
    return tuple(read_json(FOLDER / PARA_AORTIC_FILE)["choices"])


def load_margins(preset: str, para_aortic: str | None = None) -> GuidelineMargins:
    """A preset by name, with its own choice of para-aortic margins or another by name.

    BadSetting, with the names there are, for a name that does not exist and for a file that lacks a number.
    """
    if preset not in preset_names():
        raise BadSetting(
            f"There is no guideline preset {preset!r}.", advice=f"Choose {_either(preset_names())}."
        )
    data = read_json(FOLDER / f"{preset}.json")
    return margins_from_json(data, read_json(FOLDER / PARA_AORTIC_FILE), para_aortic)


def margins_from_json(
    data: Mapping[str, Any], choices: Mapping[str, Any], para_aortic: str | None = None
) -> GuidelineMargins:
    """A preset from its parsed file and the parsed file of para-aortic choices. BadSetting as above."""
    try:
        chosen = para_aortic or str(data["para_aortic"])
        if chosen not in choices["choices"]:
            raise BadSetting(
                f"There are no para-aortic margins called {chosen!r}.",
                advice=f"Choose {_either(tuple(choices['choices']))}.",
            )
        return GuidelineMargins(
            id=str(data["id"]),
            version=str(data["version"]),
            title=str(data["title"]),
            verified_against_primary=bool(data["verified_against_primary"]),
            notes=tuple(str(note) for note in data["notes"]),
            exclude=Exclusions(**{name: _switch(entry) for name, entry in data["exclude"].items()}),
            para_aortic=_para_aortic(chosen, choices["choices"][chosen]),
            **{name: _sourced(entry) for name, entry in data["values"].items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadSetting(f"The guideline preset cannot be used: {error!r}.") from error


def _para_aortic(name: str, entry: Mapping[str, Any]) -> ParaAorticMargins:
    vessels = {
        vessel: SidedMargin(**{side: _sourced(value) for side, value in entry[vessel].items()})
        for vessel in ("aorta", "inferior_vena_cava")
    }
    return ParaAorticMargins(name, str(entry["title"]), str(entry["statement"]), **vessels)


def _sourced(entry: Mapping[str, Any]) -> Sourced:
    return Sourced(float(entry["value"]), str(entry["unit"]), str(entry["source"]), Tag[entry["tag"]])


def _switch(entry: Mapping[str, Any]) -> Switch:
    return Switch(bool(entry["value"]), str(entry["source"]), Tag[entry["tag"]])


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)
