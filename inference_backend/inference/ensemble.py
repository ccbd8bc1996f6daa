"""Contours of one scan by an ensemble: its members asked one after the other, each let go before the next.

What is held at once: one member's logits and the running sum of probabilities, on the model's grid, for the
wanted structures only; on the scan's own grid only masks and counts of votes, each in its box.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.back_sampling import mask_above
from inference_backend.inference.devices import Runtime, asking
from inference_backend.inference.flips import mirror_channels
from inference_backend.inference.islands import largest_part
from inference_backend.inference.memory import Attempt
from inference_backend.inference.pace import Pace
from inference_backend.inference.prediction import Answer, MakeAsk, Predictor
from inference_backend.inference.view import View, view_of
from inference_backend.inference.votes import Votes
from inference_backend.models.manifest import Manifest

SEEN, ASKED = 0.05, 0.95  # shares of the bar
NETWORK, BACK = "network", "to the scan"
SMALL_CC = 0.05  # parts left out that are smaller are not worth a sentence


@dataclass(frozen=True, eq=False)
class EnsembleResult:
    """Masks and, of more than one member, spreads by structure; the view; seconds by stage; sentences."""

    masks: dict[str, Mask]
    spread: dict[str, Spread]
    view: View
    timings_s: dict[str, float]
    findings: tuple[str, ...]


@dataclass
class Stopwatch:
    """Adds up seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """What has passed since the last lap belongs to that stage."""
        now = time.monotonic()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._since, 3)
        self._since = now


def contour_by_ensemble(
    networks: Sequence[nn.Module],
    manifest: Manifest,
    multiple: int,
    ct: CtScan,
    wanted: Sequence[str],
    runtime: Runtime,
    pace: Pace,
    make_ask: MakeAsk = asking,
) -> EnsembleResult:
    """The wanted structures. Raises Cancelled, NothingToContour (no body), MemoryError.

    `multiple`: what the sides of a window of this network are multiples of.
    """
    watch = Stopwatch()
    pace.tell(0.0, "Preparing the scan")
    view = view_of(ct, manifest, multiple)
    watch.lap("prepare")
    predictor = _predictor(manifest, multiple, view, runtime, make_ask)
    channels = [manifest.structures.index(name) for name in wanted]
    gathered = _Gathered(wanted, len(networks), view, ct.geometry)
    for number, network in enumerate(networks):
        share = (ASKED - SEEN) / len(networks)
        part = pace.part(SEEN + number * share, SEEN + (number + 1) * share)
        moved = view.moved(manifest.moved_by(number), multiple)
        answer = predictor.answer(network, moved, channels, part)
        watch.lap(NETWORK)
        pace.tell(SEEN + (number + 1) * share, "Drawing the contours on the scan")
        gathered.add(answer)
        watch.lap(BACK)
    masks, left_out = _without_islands(gathered.masks, manifest)
    watch.lap(BACK)
    spread = {name: votes.spread() for name, votes in gathered.votes.items()}
    return EnsembleResult(masks, spread, view, watch.seconds, (*predictor.findings, *left_out))


class _Gathered:
    """What the members say together: their votes, and from the last one on the masks of their mean."""

    def __init__(self, wanted: Sequence[str], members: int, view: View, scan: Geometry) -> None:
        self._members, self._told, self._view, self._scan = members, 0, view, scan
        self._wanted, self._sums = wanted, dict[str, NDArray[np.float32]]()
        self.votes = {name: Votes() for name in wanted} if members > 1 else {}
        self.masks: dict[str, Mask] = {}

    def add(self, answer: Answer) -> None:
        self._told += 1
        for channel, name in enumerate(self._wanted):
            values = answer.probabilities(channel)
            if name in self.votes:
                self.votes[name].add(self._mask(values))
            total = self._sums.pop(name, None)
            total = values if total is None else np.add(total, values, out=total)
            if self._told < self._members:
                self._sums[name] = total
            else:
                self.masks[name] = self._mask(total / np.float32(self._members))

    def _mask(self, values_kji: NDArray[np.float32]) -> Mask:
        return mask_above(values_kji, self._view.block, self._view.grid, self._scan)


def _predictor(
    manifest: Manifest, multiple: int, view: View, runtime: Runtime, make_ask: MakeAsk
) -> Predictor:
    room = -(-max(manifest.moves, default=0) // multiple) * multiple  # so that a moved body is whole too
    k, j, i = (n + room for n in view.values_kji.shape)
    return Predictor(
        attempt=Attempt(runtime, manifest.patch_kji or (k, j, i)),
        multiple=multiple,
        overlap=manifest.overlap,
        mirrored=mirror_channels(manifest),
        make_ask=make_ask,
    )


def _without_islands(masks: dict[str, Mask], manifest: Manifest) -> tuple[dict[str, Mask], tuple[str, ...]]:
    findings = []
    kept = dict(masks)
    for name in manifest.largest_part_only:
        if name in masks:
            kept[name], left_out_cc = largest_part(masks[name])
            if left_out_cc >= SMALL_CC:
                findings.append(
                    f"Of {name} only the largest part is kept; {left_out_cc:.1f} cm3 beside it are left out."
                )
    return kept, tuple(findings)
