"""Models made of one file of weights, through a real backend: worker process, queue, progress, cancel, and a
prompt that changes one contour in its region alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.client.job_run import ContourTask, JobRun
from AmlartContourLib.contract.errors import BackendRefused, Cancelled, JobFailed
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.messages import JobRequest
from AmlartContourLib.contract.prompt import Prompt, PromptKind, Stroke, VoxelBox
from AmlartContourLib.exchange.wire import ct_frame
from inference_backend.models.store import bundle_folder
from support.backend_process import BackendProcess, frame
from support.box_cohort import box_patient
from support.few_shot_models import add_model as add_few_shot
from support.prompted_models import add_model as add_prompted

REGION = VoxelBox((4, 4, 4), (10, 16, 14))
PROMPT = Prompt("bladder", REGION, VoxelBox((6, 6, 5), (7, 12, 12)))
Start = Callable[..., BackendProcess]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the backend that models are added to."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path


def task(engine: str, **changes: object) -> ContourTask:
    """A patient with her contours."""
    scan, truth = box_patient(3)
    whole = ContourTask(scan.hu_kji, scan.geometry, engine, ("bladder",), truth)
    return replace(whole, **changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_prompt_goes_to_a_worker_and_comes_back_as_one_contour(home: Path, new_backend: Start) -> None:
    add_prompted(home)
    backend = new_backend()
    __, truth = box_patient(3)
    fixed = JobRun(task("sam", prompt=PROMPT), backend.client).run()
    assert fixed.masks.ids == ("bladder",)
    changed = fixed.masks.mask("bladder").to_array() != truth.mask("bladder").to_array()
    assert changed.any()
    changed[4:10, 4:16, 4:14] = False
    assert not changed.any()
    whole = JobRun(task("sam"), backend.client).run()
    assert "Drawn by boxes" in " ".join(whole.findings)
    client = backend.client()
    assert client.estimate(JobRequest("sam", ct_frame(*_scan()).sha256)).measured_runs == 1
    client.close()


def test_a_kind_of_prompt_that_an_engine_does_not_take_is_refused_at_the_door(
    home: Path, new_backend: Start
) -> None:
    add_prompted(home)
    client = new_backend().client()
    sent = frame(3)
    client.send(sent)
    line = Stroke(PromptKind.SCRIBBLE, ((6, 6, 5), (6, 9, 9)))
    drawn = Prompt("bladder", REGION, strokes=(line,))
    with pytest.raises(BackendRefused, match="takes no prompt of the kind scribble"):
        client.submit(secrets.token_hex(16), JobRequest("sam", sent.sha256, ("bladder",), prompt=drawn))
    client.close()


def test_an_engine_that_takes_no_prompts_refuses_one_at_the_door(new_backend: Start) -> None:
    client = new_backend().client()
    sent = frame(3)
    client.send(sent)
    with pytest.raises(BackendRefused, match="takes no prompts"):
        client.submit(
            secrets.token_hex(16),
            JobRequest("tiles-plain", sent.sha256, ("bladder",), prompt=PROMPT),
        )
    client.close()


@pytest.mark.slow
def test_a_prompt_beyond_the_scan_and_changed_weights_end_the_job_with_a_reason(
    home: Path, new_backend: Start
) -> None:
    add_prompted(home)
    backend = new_backend()
    beyond = Prompt("bladder", VoxelBox((0, 0, 0), (99, 9, 9)), inside_kji=((1, 1, 1),))
    with pytest.raises(JobFailed, match="outside the scan"):
        JobRun(task("sam", prompt=beyond), backend.client).run()
    path = bundle_folder("sam") / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    backend.stop()
    backend.start()
    with pytest.raises(JobFailed, match="another content"):
        JobRun(task("sam", prompt=PROMPT), backend.client).run()


@pytest.mark.slow
def test_examples_go_the_whole_way_and_a_cancel_ends_them(home: Path, new_backend: Start) -> None:
    add_few_shot(home)
    backend = new_backend()
    stages: list[str] = []
    found = JobRun(task("few", context=None), backend.client, lambda p: stages.append(p.stage)).run()
    assert found.masks.ids == ("bladder",)
    assert any("axial slice" in stage for stage in stages)
    assert "of 3. No editing" in " ".join(found.findings)

    def stop(progress: object) -> None:
        if "coronal" in str(progress):
            run.cancel()

    run = JobRun(task("few", context=None), backend.client, stop)
    with pytest.raises(Cancelled):
        run.run()


def _scan() -> tuple[np.ndarray, object]:
    scan, __ = box_patient(3)
    return scan.hu_kji, scan.geometry
