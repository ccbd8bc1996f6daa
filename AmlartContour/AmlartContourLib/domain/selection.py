"""What the oncologist chose for this patient: parts, lengths, margins, rules. Immutable, and saved with it.

A selection knows nothing of voxels: the same selection on the same structures gives the same composites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY, check_priority
from AmlartContourLib.domain.fields import Fields
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.parts import CTVP_PARTS, LEVELS, NODAL_IDS, PARAMETRIUM_IDS, without_part
from AmlartContourLib.domain.rules import Rule
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.domain.vagina import WHOLE_VAGINA, VaginaLength, VaginaRecipe

if TYPE_CHECKING:
    from AmlartContourLib.domain.preset import SitePreset

SELECTABLE = frozenset({*CTVP_PARTS, "gtvn"}) | NODAL_IDS | PARAMETRIUM_IDS
COMPOSITE_WORDS: Mapping[str, tuple[str, ...]] = {
    "ctvp": ("cervix", "gtvp", "uterus", "vagina"),
    "ctvn": ("gtvn", *LEVELS),
}
PTV_OF = ("ctvp", "ctvn", "ctv")
SWITCHABLE = frozenset({Rule.DISJOINT})  # the only rule that moves voxels


@dataclass(frozen=True)
class Selection:
    """Chosen parts by catalogue id, in order, and how they are used.

    `ptv` holds the margin of each of ctvp, ctvn and ctv that gets a PTV; none is assumed. `rules_off` may
    hold `Rule.DISJOINT`. `priority` is the order of rule 1. BadSetting for ids that are no part of a CTV, and
    for margins or rules that do not exist.
    """

    included: tuple[str, ...] = ()
    vagina: VaginaLength = WHOLE_VAGINA
    edit_back_parametrium: bool = True
    ptv: Mapping[str, Margin] = field(default_factory=dict)
    rules_off: frozenset[Rule] = frozenset()
    priority: tuple[str, ...] = DEFAULT_PRIORITY

    def __post_init__(self) -> None:
        object.__setattr__(self, "included", tuple(dict.fromkeys(self.included)))
        object.__setattr__(self, "ptv", MappingProxyType(dict(self.ptv)))
        strange = [i for i in self.included if i not in SELECTABLE]
        if strange:
            raise BadSetting(
                f"{', '.join(strange)} cannot be a part of a CTV.",
                advice="Choose parts of the CTVp, the parametrium, GTVn or nodal levels.",
            )
        no_target = sorted(set(self.ptv) - set(PTV_OF))
        if no_target:
            raise BadSetting(f"A PTV is made of {', '.join(PTV_OF)}, not of {', '.join(no_target)}.")
        if not self.rules_off <= SWITCHABLE:
            raise BadSetting("Only rule 1 moves voxels, so only rule 1 can be switched off.")
        check_priority(self.priority)

    @classmethod
    def from_preset(cls, preset: SitePreset) -> Selection:
        """The choices a preset starts with."""
        return preset.selection

    def including(self, *ids: str) -> Selection:
        """With these parts as well."""
        return replace(self, included=(*self.included, *ids))

    def without(self, *ids: str) -> Selection:
        """Without these parts, also where they are chosen as part of a larger one (a side, a sub-level)."""
        included = self.included
        for removed in ids:
            included = without_part(included, removed)
        return replace(self, included=included)

    def to_json(self) -> dict[str, object]:
        """Plain values, from which `from_json` makes the same selection."""
        return {
            "include": list(self.included),
            "vagina": {"recipe": self.vagina.recipe.name, "length_mm": self.vagina.length_mm},
            "edit_back_parametrium": self.edit_back_parametrium,
            "ptv_margins_mm": {target: margin.to_json() for target, margin in self.ptv.items()},
            "rules_off": sorted(rule.name for rule in self.rules_off),
            "priority": list(self.priority),
        }

    @classmethod
    def from_json(cls, data: object, where: str = "The selection") -> Selection:
        """From parsed JSON; `where` names it in messages. BadSetting where an entry is wrong or unknown."""
        fields = Fields(data, where)
        vagina = Fields(fields.get("vagina"), f"{where}, vagina,")
        length = VaginaLength(_member(VaginaRecipe, vagina.text("recipe")), vagina.number("length_mm", 20.0))
        vagina.done()
        selection = cls(
            included=fields.texts("include"),
            vagina=length,
            edit_back_parametrium=fields.flag("edit_back_parametrium"),
            ptv={
                target: Margin.from_json(value) for target, value in fields.mapping("ptv_margins_mm").items()
            },
            rules_off=frozenset(_member(Rule, name) for name in fields.texts("rules_off", ())),
            priority=fields.texts("priority", DEFAULT_PRIORITY),
        )
        fields.done()
        return selection


def parse_parts(words: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """Ids of parts from any spelling the catalogue knows; "CTVp" and "CTVn" stand for all their parts.

    UnknownStructure for a word the catalogue does not hold; BadSetting for a structure that is no part of a
    CTV.
    """
    ids: list[str] = []
    for word in words:
        structure = catalogue.resolve(word)
        found = COMPOSITE_WORDS.get(structure.id, (structure.id,))
        if not set(found) <= SELECTABLE:
            raise BadSetting(
                f"{structure.display_name} cannot be a part of a CTV.",
                advice="Choose parts of the CTVp, the parametrium, GTVn or nodal levels.",
            )
        ids += found
    return tuple(dict.fromkeys(ids))


def _member(kind: Any, name: str) -> Any:
    try:
        return kind[name]
    except KeyError:
        known = ", ".join(member.name for member in kind)
        raise BadSetting(f"{name!r} is none of {known}.") from None
