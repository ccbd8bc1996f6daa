"""Weights of a bundle as the start of another network: the body, and the head's rows of shared structures.

A tensor of the body is taken where name and shape fit. A tensor of the head (one whose shape follows from the
number of structures) is taken row by row, for the structures that both draw. The rest stays new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.models.bundle import open_bundle
from inference_backend.models.manifest import Manifest
from inference_backend.models.networks import ONE_EACH, build

TensorsByName = Mapping[str, Tensor]


@dataclass(frozen=True)
class Taken:
    """What a network took from a bundle: tensors of the body, of how many; structures of the head."""

    body: int
    of_body: int
    structures: tuple[str, ...]


def start_from(
    network: nn.Module, name: str, arguments: Mapping[str, object], structures: tuple[str, ...],
    bundle: Path, member: int,
) -> Taken:  # fmt: skip
    """Fills a network of `structures` from a member of a bundle (counted round where there are fewer).

    BadSetting where nothing fits: then the network would start from scratch unsaid.
    """
    opened = open_bundle(bundle)
    manifest = opened.manifest
    state = opened.network(member % len(manifest.members)).state_dict()
    given, rows = _given(state, manifest, structures)
    head = head_tensors(name, arguments)
    own = network.state_dict()
    fitting = {
        key for key, value in own.items()
        if key not in head and key in given and given[key].shape == value.shape
    }  # fmt: skip
    own |= {key: given[key] for key in fitting}
    shared = tuple(structure for structure in structures if structure in rows)
    for key, axis in head.items():
        if axis is not None and key in given and _but(axis, given[key]) == _but(axis, own[key]):
            block = own[key].shape[axis] // len(structures)  # rows of one structure, one after the other
            for structure in shared:
                new, old = structures.index(structure) * block, rows[structure] * block
                own[key].narrow(axis, new, block).copy_(given[key].narrow(axis, old, block))
    network.load_state_dict(own)
    if not any(own[key].dim() > 1 for key in fitting):  # single numbers, such as counters, fit everywhere
        raise BadSetting(
            f"No weights of {manifest.title} fit the network {name} of the recipe.",
            advice="Use the bundle's own network and arguments in the recipe.",
        )
    return Taken(len(fitting), len(own.keys() - head.keys()), shared)


def head_tensors(name: str, arguments: Mapping[str, object]) -> dict[str, int | None]:
    """The tensors whose shape follows from the number of structures, and the axis of the structures; None
    where there are several such axes."""
    two, three = (build(name, 1, count, arguments).state_dict() for count in (2, 3))
    found: dict[str, int | None] = {}
    for key in two:
        axes = [a for a, (m, n) in enumerate(zip(two[key].shape, three[key].shape, strict=True)) if m != n]
        if axes:
            found[key] = axes[0] if len(axes) == 1 else None
    return found


def _but(axis: int, tensor: Tensor) -> list[int]:
    """The shape without one axis."""
    return [size for a, size in enumerate(tensor.shape) if a != axis]


def _given(
    state: TensorsByName, manifest: Manifest, structures: tuple[str, ...]
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The tensors to take, and the row of each structure in the head. Of networks of one structure each, the
    one of the first shared structure gives its body; without one, the first."""
    if manifest.network.name != ONE_EACH:
        return dict(state), {structure: n for n, structure in enumerate(manifest.structures)}
    shared = [structure for structure in structures if structure in manifest.structures]
    chosen = manifest.structures.index(shared[0]) if shared else 0
    beginning = f"{chosen}."
    own = {key.removeprefix(beginning): t for key, t in state.items() if key.startswith(beginning)}
    return own, dict.fromkeys(shared[:1], 0)
