"""A site preset: what a centre chooses by default, under which names and colours, and who checked it.

A preset is a versioned text file. One that nobody compared with its primary document says so; no clinical
margin comes without the words where it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.fields import Fields
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structures import ROI_NAME_LENGTH, Catalogue

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class SitePreset:
    """One preset. `verified` is true only where somebody compared it with its primary document; `status` says
    so in words. `ptv_sources` has a text for each margin of the selection. `names` and `colours` replace the
    catalogue's for the ids they hold.
    """

    id: str
    version: str
    title: str
    verified: bool
    status: str
    sources: tuple[str, ...]
    selection: Selection
    ptv_sources: Mapping[str, str]
    names: Mapping[str, str]
    colours: Mapping[str, Colour]

    @classmethod
    def from_json(cls, data: Mapping[str, Any], catalogue: Catalogue) -> SitePreset:
        """From a parsed preset file. BadSetting, naming the entry, for anything missing, unknown or wrong."""
        where = f"The preset {data.get('id', 'without id')!r}"
        fields = Fields(data, where)
        status = Fields(fields.get("status"), f"{where}, status,")
        preset = cls(
            id=fields.text("id"),
            version=fields.text("version"),
            title=fields.text("title"),
            verified=status.flag("verified"),
            status=status.text("words"),
            sources=fields.texts("sources"),
            selection=Selection.from_json(fields.get("selection"), f"{where}, selection,"),
            ptv_sources=MappingProxyType(dict(fields.mapping("ptv_sources"))),
            names=_names(fields.mapping("names"), catalogue, where),
            colours=_colours(fields.mapping("colours"), catalogue, where),
        )
        status.done()
        fields.done()
        _check_sources(preset, where)
        return preset

    def roi_name(self, structure_id: str, catalogue: Catalogue) -> str:
        """What files of this site call a structure."""
        return self.names.get(structure_id, catalogue[structure_id].roi_name)

    def colour_rgb(self, structure_id: str, catalogue: Catalogue) -> Colour:
        """The colour of a structure at this site."""
        return self.colours.get(structure_id, catalogue[structure_id].colour_rgb)


def _names(names: Mapping[str, Any], catalogue: Catalogue, where: str) -> Mapping[str, str]:
    """Checked names: known ids, 1 to 16 characters, and no name for two structures."""
    used = {s.roi_name: s.id for s in catalogue.values() if s.id not in names}
    for structure_id, name in names.items():
        _require_known(structure_id, catalogue, where)
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= ROI_NAME_LENGTH:
            raise BadSetting(f"{where}: the name {name!r} must have 1 to {ROI_NAME_LENGTH} characters.")
        owner = used.setdefault(name, structure_id)
        if owner != structure_id:
            raise BadSetting(f"{where}: {owner} and {structure_id} would both be called {name!r}.")
    return MappingProxyType(dict(names))


def _colours(colours: Mapping[str, Any], catalogue: Catalogue, where: str) -> Mapping[str, Colour]:
    checked: dict[str, Colour] = {}
    for structure_id, value in colours.items():
        _require_known(structure_id, catalogue, where)
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 3 or not all(type(n) is int and 0 <= n <= 255 for n in numbers):
            raise BadSetting(f"{where}: the colour of {structure_id} must be three numbers from 0 to 255.")
        checked[structure_id] = (numbers[0], numbers[1], numbers[2])
    return MappingProxyType(checked)


def _require_known(structure_id: str, catalogue: Catalogue, where: str) -> None:
    if structure_id not in catalogue:
        raise BadSetting(f"{where} names {structure_id!r}, which is no structure of the catalogue.")


def _check_sources(preset: SitePreset, where: str) -> None:
    margins, told = set(preset.selection.ptv), set(preset.ptv_sources)
    if margins != told or not all(isinstance(t, str) and t.strip() for t in preset.ptv_sources.values()):
        raise BadSetting(
            f"{where}: each PTV margin needs its source in words, and each source its margin.",
            advice="Fill ptv_margins_mm and ptv_sources for the same targets, or leave both empty.",
        )
