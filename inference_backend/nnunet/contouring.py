"""One trained folder over one scan: each fold asked in turn and let go before the next, as nnU-Net does.

What is held at once: one network, and one fold's logits with their running sum on the model's own grid. On
the scan's grid there are only masks. The folds' own masks make the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil
import torch
from torch import Tensor, nn

from AmlartContourLib.contract.errors import TooLarge
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.devices import Runtime, asking
from inference_backend.inference.memory import Attempt, with_fallback
from inference_backend.inference.pace import Pace
from inference_backend.inference.prediction import MakeAsk
from inference_backend.inference.votes import Votes
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.deciding import masks_of
from inference_backend.nnunet.labels import Labels
from inference_backend.nnunet.plans import Plans
from inference_backend.nnunet.preparing import Prepared, prepared
from inference_backend.nnunet.tiles import Tiling, logits_of

SEEN, ASKED = 0.1, 0.9  # shares of the bar
Load = Callable[[], nn.Module]
"""One fold's network with its weights, on the CPU, not training."""


@dataclass(frozen=True)
class Trained:
    """A trained folder without its weights. `step` and `mirrors`: see `Tiling`."""

    plans: Plans
    labels: Labels
    axes: Axes
    step: float
    mirrors: tuple[int, ...]


@dataclass(eq=False)
class FoldsResult:
    """Masks and, of more than one fold, spreads by label; sentences for the user."""

    masks: dict[str, Mask]
    spread: dict[str, Spread] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def contour_by_folds(
    folds: Sequence[Load],
    trained: Trained,
    ct: CtScan,
    names: Sequence[str],
    runtime: Runtime,
    pace: Pace,
    make_ask: MakeAsk = asking,
) -> FoldsResult:
    """The named labels. Raises Cancelled, NothingToContour, TooLarge and MemoryError."""
    pace.tell(0.0, "Preparing the scan")
    seen = prepared(ct, trained.plans, trained.axes)
    _require_room(seen, trained.labels.channels, len(folds), psutil.virtual_memory().available)
    asker = _Asker(trained, seen, Attempt(runtime, trained.plans.window_a), make_ask)
    votes = [Votes() for _ in names] if len(folds) > 1 else []
    total: Tensor | None = None
    masks: dict[str, Mask] = {}
    for number, load in enumerate(folds):
        share = (ASKED - SEEN) / len(folds)
        found = asker.logits(load(), pace.part(SEEN + number * share, SEEN + (number + 1) * share))
        if votes:
            masks = masks_of(found, seen, trained.labels, names, ct.geometry)
            for vote, name in zip(votes, names, strict=True):
                vote.add(masks[name])
        total = found if total is None else total.add_(found)
    if total is None:
        raise ValueError("a trained folder has at least one fold")
    pace.tell(ASKED, "Drawing the contours on the scan")
    masks = masks_of(total.div_(len(folds)), seen, trained.labels, names, ct.geometry)
    spread = {name: vote.spread() for name, vote in zip(names, votes, strict=bool(votes))}
    return FoldsResult(masks, spread, asker.findings)


def _require_room(seen: Prepared, channels: int, folds: int, available: int) -> None:
    """TooLarge where the sums of the logits, with the running sum of several folds, do not fit in memory."""
    needed = channels * seen.values_a.size * seen.values_a.itemsize * min(folds, 2)
    if needed > available:
        raise TooLarge(
            f"This model needs at least {needed / 2**30:.1f} GiB for a scan of this size, and "
            f"{available / 2**30:.1f} GiB are free.",
            kept="The scan is kept.",
            advice="Close other programs, use a model of a coarser grid or of fewer folds, or crop the scan.",
        )


@dataclass
class _Asker:
    """Asks networks about one prepared scan. Once memory ran out, later folds start with what sufficed."""

    trained: Trained
    seen: Prepared
    attempt: Attempt
    make_ask: MakeAsk
    findings: list[str] = field(default_factory=list)

    def logits(self, network: nn.Module, pace: Pace) -> Tensor:
        """Logits [channels, a, b, c], on the CPU."""
        values_a = torch.from_numpy(self.seen.values_a)

        def before_each(number: int, count: int) -> None:
            pace.tell(number / count, f"part {number + 1} of {count}")

        def run(attempt: Attempt) -> Tensor:
            device = attempt.runtime.device
            ask = self.make_ask(network.to(device), attempt.runtime)
            tiling = Tiling(attempt.side_kji, self.trained.step, self.trained.mirrors)
            with torch.no_grad():
                return logits_of(ask, values_a, tiling, before_each, device)

        multiple = max(self.trained.plans.architecture.multiple)
        found, self.attempt = with_fallback(self.attempt, multiple, run, self.findings.append)
        return found
