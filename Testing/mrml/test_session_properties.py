"""Whatever the order of edits, choices, border moves and undo: others stay as they are, composites follow."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from AmlartContourLib.domain.composition import compose
from AmlartContourLib.domain.levels import BorderKind
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from support.workstation import Desk, painted

EDITABLE = ("bladder", "anorectum", "cervix", "uterus", "vagina", "parametrium_left", "ln_pelvic")
TOGGLED = ("uterus", "vagina", "parametrium_left", "ln_common_iliac", "ln_paraaortic", "gtvn")


class AnyOrder(RuleBasedStateMachine):
    """A patient that is worked on at random."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self._folder.name))
        self.session = self.desk.with_contours()
        self.came = self.session.case.originals

    @rule(
        structure_id=st.sampled_from(EDITABLE),
        at=st.tuples(st.integers(-30, 30), st.integers(-20, 30), st.integers(-45, 40)),
        radius_mm=st.integers(3, 12),
        add=st.booleans(),
    )
    def stroke(self, structure_id: str, at: tuple[int, int, int], radius_mm: int, add: bool) -> None:
        before = self.session.case.structures
        if structure_id not in before:
            return  # undone as far as before the contours came
        self.session.editing.apply(
            structure_id, painted(before.mask(structure_id), at, radius_mm, add), "paint"
        )
        now = self.session.case.structures
        assert all(now.mask(i) is before.mask(i) for i in before.ids if i != structure_id)

    @rule(structure_id=st.sampled_from(TOGGLED), on=st.booleans())
    def toggle(self, structure_id: str, on: bool) -> None:
        before = self.session.case.structures
        self.session.choices.include([structure_id], on)
        assert self.session.case.structures is before

    @rule(mm=st.sampled_from([None, 3, 7]))
    def margin(self, mm: int | None) -> None:
        self.session.choices.set_ptv("ctvp", None if mm is None else Margin.isotropic(mm))

    @rule(mm=st.integers(5, 30))
    def vagina(self, mm: int) -> None:
        self.session.choices.set_vagina(VaginaLength(VaginaRecipe.UPPER, float(mm)))

    @rule(z=st.integers(8, 50))
    def border(self, z: int) -> None:
        if not self.session.case.borders:
            return
        self.session.choices.move_border(BorderKind.AORTIC_BIFURCATION, (0.0, 0.0, float(z)))

    @rule()
    def undo(self) -> None:
        step = self.session.case.history.next_undo
        if step is not None and self.session.editing.undo():
            now = self.session.case.structures
            assert now.ids == step.before.structures.ids
            assert all(now.mask(i).same_voxels(step.before.structures.mask(i)) for i in now.ids)

    @rule()
    def redo(self) -> None:
        self.session.editing.redo()

    @invariant()
    def composites_are_those_of_the_rules(self) -> None:
        case = self.session.case
        made = compose(case.structures, case.selection, case.catalogue)
        now = case.composition
        assert made.composites.ids == now.composites.ids
        assert all(made.composites.mask(i).same_voxels(now.composites.mask(i)) for i in made.composites.ids)
        assert made.messages == now.messages

    @invariant()
    def the_scene_shows_the_case_and_came_stays(self) -> None:
        case, scene = self.session.case, self.desk.scene
        assert case.originals is self.came
        assert scene.edited_parts() == ()
        for shown, wanted in (
            (scene._segments["Parts"], case.structures),
            (scene._segments["Composites"], case.composition.composites),
        ):
            assert set(shown.ids()) == set(wanted.ids)
            assert all(shown.mask(i).same_voxels(wanted.mask(i)) for i in wanted.ids)

    def teardown(self) -> None:
        self.session.end()
        self._folder.cleanup()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=3, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
