"""The curves of a training for TensorBoard, where that is installed. No case's name is written."""

from __future__ import annotations

from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.training.cohort_run import Progress


def with_tensorboard(report: Progress, folder: Path) -> Progress:
    """A report that also writes both losses of each network. BadSetting where TensorBoard is not
    installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise BadSetting(
            "TensorBoard is not installed.",
            kept="Nothing was trained.",
            advice="pip install 'amlart-contour[tensorboard]', or leave --tensorboard out.",
        ) from error
    writers: dict[str, SummaryWriter] = {}

    def both(name: str, step: int, steps: int, learnt: float, seen: float) -> None:
        if name not in writers:
            writers[name] = SummaryWriter(str(folder / name.replace(", ", "-").replace(" ", "-")))
        writers[name].add_scalar("loss/training", learnt, step)
        writers[name].add_scalar("loss/validation", seen, step)
        writers[name].flush()
        report(name, step, steps, learnt, seen)

    return both
