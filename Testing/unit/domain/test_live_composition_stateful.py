"""Any sequence of choices and edits leads to exactly what one composition from the start gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.composition import Composition, compose
from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY
from AmlartContourLib.domain.live_composition import LiveComposition, Step
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.rules import Rule
from AmlartContourLib.domain.selection import SELECTABLE, Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from AmlartContourLib.exchange.resources import catalogue
from support.patients import pelvis
from support.shapes import DIRECTIONS, grid

ALL_PARTS = (
    *("cervix", "gtvp", "uterus", "vagina", "parametrium", "gtvn"),
    *("ln_pelvic", "ln_common_iliac", "ln_paraaortic"),
)
BRUSHED = (*ALL_PARTS, "ctv_hr", "ctvn", "anorectum", "bladder", "ln_pelvic_left", "bowel_bag")
MARGINS = (
    {},
    {"ctv": Margin.isotropic(7)},
    {"ctvp": Margin(5, 4, 10, 8, 6, 7), "ctvn": Margin.isotropic(5)},
    {"ctvn": Margin(0, 6, 0, 6, 0, 9)},
)


class Hand(RuleBasedStateMachine):
    """Somebody who chooses and paints; after each step everything is compared with a fresh composition."""

    @initialize(direction=st.sampled_from(sorted(DIRECTIONS)), margins=st.sampled_from(MARGINS))
    def opens_a_case(self, direction: str, margins: dict[str, Margin]) -> None:
        structures = pelvis(grid((30, 28, 26), (2.5, 2.4, 4.2), direction, centre_lps=(3.0, -7.0, 55.0)))
        vagina = VaginaLength(VaginaRecipe.BELOW_TUMOUR, 20)
        self.live = LiveComposition(structures, Selection(ALL_PARTS, vagina, ptv=margins), catalogue())
        self.history: list[StructureSet] = []

    @rule(structure_id=st.sampled_from(sorted(SELECTABLE)))
    def toggles_a_part(self, structure_id: str) -> None:
        selection = self.live.selection
        chosen = structure_id in selection.included
        self._choose(selection.without(structure_id) if chosen else selection.including(structure_id))

    @rule(structure_id=st.sampled_from(ALL_PARTS))
    def toggles_a_part_that_is_there(self, structure_id: str) -> None:
        self.toggles_a_part(structure_id)

    @rule(recipe=st.sampled_from(VaginaRecipe), mm=st.sampled_from([5.0, 20.0, 40.0]))
    def changes_the_vaginal_length(self, recipe: VaginaRecipe, mm: float) -> None:
        self._choose(replace(self.live.selection, vagina=VaginaLength(recipe, mm)))

    @rule(edit_back=st.booleans())
    def edits_the_parametrium_back_or_not(self, edit_back: bool) -> None:
        self._choose(replace(self.live.selection, edit_back_parametrium=edit_back))

    @rule(margins=st.sampled_from(MARGINS))
    def changes_the_margins(self, margins: dict[str, Margin]) -> None:
        self._choose(replace(self.live.selection, ptv=margins))

    @rule(off=st.booleans(), priority=st.permutations(DEFAULT_PRIORITY))
    def changes_rule_1(self, off: bool, priority: list[str]) -> None:
        rules_off = frozenset({Rule.DISJOINT} if off else set())
        self._choose(replace(self.live.selection, rules_off=rules_off, priority=tuple(priority)))

    @rule(structure_id=st.sampled_from(BRUSHED), seed=st.integers(0, 999), erase=st.booleans())
    def paints_a_stroke_on_one_slice(self, structure_id: str, seed: int, erase: bool) -> None:
        geometry = self.live.structures.geometry
        random = np.random.default_rng(seed)
        k, j, i = (int(random.integers(n)) for n in geometry.shape_kji)
        box = Box((k, j, i), (k + 1, j + 5, i + 6)).intersection(Box((0, 0, 0), geometry.shape_kji))
        stroke = Mask.from_block(random.random(box.shape_kji) < 0.9, box, geometry)
        old = self.live.structures.mask(structure_id)
        mask = old - stroke if erase else old | stroke
        self.history.append(self.live.structures)
        before = self.live.composition
        self._check(self.live.edit(Contour(structure_id, mask, Source.DRAWN)), before)

    @rule(structure_id=st.sampled_from(BRUSHED))
    def deletes_a_structure(self, structure_id: str) -> None:
        structures, before = self.live.structures, self.live.composition
        self.history.append(structures)
        left = structures.only(i for i in structures.ids if i != structure_id)
        self._check(self.live.take(left), before)

    @precondition(lambda self: self.history)
    @rule()
    def takes_the_last_edit_back(self) -> None:
        before = self.live.composition
        self._check(self.live.take(self.history.pop()), before)

    def _choose(self, selection: Selection) -> None:
        before = self.live.composition
        self._check(self.live.choose(selection), before)

    def _check(self, step: Step, before: Composition) -> None:
        fresh = compose(_copied(self.live.structures), self.live.selection, catalogue())
        assert step.composition.messages == fresh.messages
        for found, wanted in (
            (step.composition.composites, fresh.composites),
            (step.composition.used, fresh.used),
        ):
            assert found.ids == wanted.ids
            for contour in wanted:
                other = found.contours[contour.structure_id]
                assert (other.source, other.note) == (contour.source, contour.note)
                assert other.mask.same_voxels(contour.mask), contour.structure_id
        _assert_changes_told(step, before.composites)


def _copied(structures: StructureSet) -> StructureSet:
    """The same voxels in new masks, which nothing is remembered of."""
    return StructureSet.of(
        structures.geometry,
        [replace(c, mask=Mask.from_array(c.mask.to_array(), structures.geometry)) for c in structures],
    )


def _assert_changes_told(step: Step, before: StructureSet) -> None:
    now = step.composition.composites
    for structure_id in {*now.ids, *before.ids}:
        apart = now.mask(structure_id).to_array() ^ before.mask(structure_id).to_array()
        if apart.any():
            assert step.changed[structure_id] == Box.around(apart)
        else:
            assert structure_id not in step.changed
            if structure_id in now and structure_id in before:
                assert now.mask(structure_id) is before.mask(structure_id)


TestHand = Hand.TestCase
TestHand.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
