"""What a prompt may be made of, and what it may not."""

from __future__ import annotations

import pytest

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.prompt import MOST_STROKES, Prompt, PromptKind, Stroke, VoxelBox
from AmlartContourLib.contract.strict_json import from_json, to_json

REGION = VoxelBox((2, 2, 2), (9, 9, 9))
LINE = Stroke(PromptKind.SCRIBBLE, ((3, 3, 3), (5, 6, 7)), belongs=False)
LOOP = Stroke(PromptKind.LASSO, ((3, 4, 4), (3, 8, 4), (3, 4, 8)))


def test_a_prompt_says_what_it_is_made_of() -> None:
    flat, thick = VoxelBox((3, 3, 3), (4, 6, 6)), VoxelBox((3, 3, 3), (6, 6, 6))
    kinds = Prompt("bladder", REGION, flat, ((3, 3, 3),), strokes=(LINE, LOOP)).kinds
    assert kinds == set(PromptKind) - {PromptKind.BOX_3D}
    assert Prompt("bladder", REGION, thick).kinds == {PromptKind.BOX_3D}
    assert Prompt("bladder", REGION, strokes=(LINE,)).kinds == {PromptKind.SCRIBBLE}


def test_it_goes_over_the_wire_as_it_is() -> None:
    prompt = Prompt("bladder", REGION, None, ((3, 3, 3),), ((4, 4, 4),), (LINE, LOOP))
    assert from_json(Prompt, to_json(prompt)) == prompt


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (PromptKind.POINT, ((1, 1, 1),)),
        (PromptKind.SCRIBBLE, ()),
        (PromptKind.LASSO, ((3, 4, 4), (3, 8, 4))),
        (PromptKind.LASSO, ((3, 4, 4), (4, 8, 4), (3, 4, 8))),
    ],
)
def test_a_line_that_is_none_is_refused(kind: PromptKind, points: tuple[tuple[int, int, int], ...]) -> None:
    with pytest.raises(ValueError, match="a "):
        Stroke(kind, points)


def test_a_line_beyond_the_region_and_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="inside its region"):
        Prompt("bladder", VoxelBox((2, 2, 2), (5, 5, 5)), strokes=(LINE,))
    with pytest.raises(ValueError, match="at most"):
        Prompt("bladder", REGION, strokes=(LINE,) * (MOST_STROKES + 1))
    with pytest.raises(DamagedFile):
        from_json(Stroke, '{"kind": "loop", "points_kji": [[1, 1, 1]]}')
