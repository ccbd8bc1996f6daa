"""Two sets of contours compared, structure by structure, each at its own tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Role, Structure
from AmlartContourLib.measures.comparison import Comparison, compare
from AmlartContourLib.measures.encroachment import Encroachment, encroachment

TARGETS = frozenset({Role.GTV, Role.CTV_PART, Role.NODAL_LEVEL, Role.COMPOSITE, Role.PTV})


@dataclass(frozen=True)
class OrganEncroachment:
    """How far a target reaches into one organ at risk in either set, and how far only by over-contouring.

    The organ is the reference set's, or the test's where that set has none. `over_contoured_cc` is the part
    of the organ that the test's target holds and the reference's does not.
    """

    organ_id: str
    reference: Encroachment
    test: Encroachment
    over_contoured_cc: float


@dataclass(frozen=True)
class StructureComparison:
    """One structure's figures. A structure that a set lacks counts as empty in it.

    `tolerance_is_default` is True where the tolerance is the catalogue's; those are engineering defaults,
    not values from a study. `encroachments` lists, for a target, the organs that either contour reaches into.
    """

    structure_id: str
    in_reference: bool
    in_test: bool
    tolerance_is_default: bool
    comparison: Comparison
    encroachments: tuple[OrganEncroachment, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values for a file or the wire."""
        return {
            "structure_id": self.structure_id,
            "in_reference": self.in_reference,
            "in_test": self.in_test,
            "tolerance_is_default": self.tolerance_is_default,
            **self.comparison.to_json(),
            "encroachments": [asdict(found) for found in self.encroachments],
        }


def compare_sets(
    reference: StructureSet,
    test: StructureSet,
    catalogue: Mapping[str, Structure],
    tolerances: Mapping[str, float] | None = None,
) -> tuple[StructureComparison, ...]:
    """Every structure in either set, the reference's first and in its order.

    `tolerances` in mm by structure id go before the catalogue's. GeometryMismatch where the sets lie on
    different grids, UnknownStructure for an id that the catalogue lacks, BadSetting for a tolerance that
    cannot be used.
    """
    reference.geometry.require_same(test.geometry, "The second set of contours")
    given = {catalogue[i].id: mm for i, mm in (tolerances or {}).items()}
    ids = dict.fromkeys([*reference.ids, *test.ids])
    organs = [i for i in ids if catalogue[i].role is Role.ORGAN]
    return tuple(
        StructureComparison(
            structure_id=i,
            in_reference=i in reference,
            in_test=i in test,
            tolerance_is_default=i not in given,
            comparison=compare(
                reference.mask(i), test.mask(i), tolerance_mm=given.get(i, catalogue[i].tolerance_mm)
            ),
            encroachments=_encroachments(reference, test, i, organs) if catalogue[i].role in TARGETS else (),
        )
        for i in ids
    )


def _encroachments(
    reference: StructureSet, test: StructureSet, target_id: str, organ_ids: list[str]
) -> tuple[OrganEncroachment, ...]:
    found = []
    wanted, drawn = reference.mask(target_id), test.mask(target_id)
    for organ_id in organ_ids:
        organ = reference.mask(organ_id) if reference.has(organ_id) else test.mask(organ_id)
        if not ((wanted & organ).is_empty and (drawn & organ).is_empty):
            over = ((drawn & organ) - wanted).volume_cc
            found.append(
                OrganEncroachment(organ_id, encroachment(wanted, organ), encroachment(drawn, organ), over)
            )
    return tuple(found)
