"""What a trained folder's outputs mean: dataset.json's labels, and which output channels make each of them.

Two forms. With labels each voxel has one winner among the channels, background being channel 0. With regions
(a label that is a list of numbers) each region has a channel of its own and is decided alone, so regions may
overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from AmlartContourLib.contract.errors import BadSetting

BACKGROUND, IGNORE = "background", "ignore"
MAX_LABELS = 254


@dataclass(frozen=True)
class Labels:
    """The names in the file's order without background and ignore.

    `channel_of`: for each name its output channel. `regions`: True where each channel is decided alone.
    `channels`: number of outputs.
    """

    names: tuple[str, ...]
    channel_of: Mapping[str, int]
    regions: bool
    channels: int


def labels_of_dataset(dataset: Mapping[str, object]) -> Labels:
    """From a dataset.json. BadSetting where the labels are none that nnU-Net v2 writes."""
    found = dataset.get("labels")
    if not isinstance(found, Mapping) or not found:
        raise _refused("it names no labels")
    numbers = {str(name): _numbers(value) for name, value in found.items() if name != IGNORE}
    if numbers.get(BACKGROUND) != (0,):
        raise _refused("background is not label 0")
    names = tuple(name for name, values in numbers.items() if set(values) != {0})
    if not names or len(names) > MAX_LABELS:
        raise _refused(f"there are not 1 to {MAX_LABELS} labels")
    if any(len(values) > 1 for values in numbers.values()):
        return Labels(names, {name: n for n, name in enumerate(names)}, True, len(names))
    channel_of = {name: numbers[name][0] for name in names}
    if sorted(channel_of.values()) != list(range(1, len(names) + 1)):
        raise _refused("the labels are not numbered 1, 2, 3 and so on")
    return Labels(names, channel_of, False, len(names) + 1)


def _numbers(value: object) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in values):
        raise _refused("a label is no whole number")
    return tuple(values)


def _refused(why: str) -> BadSetting:
    return BadSetting(
        f"The dataset.json cannot be used: {why}.", advice="Choose a trained nnU-Net v2 folder."
    )
