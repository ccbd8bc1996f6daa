"""A CT goes to a real backend process and comes back as contours."""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.messages import JobRequest, JobState
from support.backend_process import ended, frame, scan, submit


def test_contours_are_those_of_the_voxels_sent(client: BackendClient) -> None:
    hu, geometry = scan()
    job = submit(client, wanted=("bladder", "body"))
    status = ended(client, job)
    assert status.state is JobState.DONE, status
    contours = client.result(job)
    assert contours.masks.geometry == geometry
    assert set(contours.masks.ids) == {"bladder", "body"}
    np.testing.assert_array_equal(contours.masks.mask("bladder").to_array(), hu > 0)
    np.testing.assert_array_equal(contours.masks.mask("body").to_array(), hu > -500)
    assert contours.findings == ("Thresholded.",)
    assert contours.engine == "tiles-plain"


def test_spread_counts_the_members_that_hold_each_voxel(client: BackendClient) -> None:
    hu, _ = scan()
    job = submit(client, wanted=("bladder",))
    ended(client, job)
    spread = client.result(job).spread["bladder"]
    votes = sum((hu > threshold).astype(int) for threshold in (-20, 0, 20))
    assert spread.members == 3
    np.testing.assert_array_equal(spread.share_kji, votes[spread.box.slices] * 85)


def test_a_scan_is_sent_once(client: BackendClient) -> None:
    scan_frame = frame(seed=101)
    assert client.send(scan_frame) is True
    assert client.send(scan_frame) is False


def test_submitting_twice_makes_one_job(client: BackendClient) -> None:
    sent = frame()
    client.send(sent)
    job, request = secrets.token_hex(16), JobRequest("tiles-plain", sent.sha256)
    client.submit(job, request)
    client.submit(job, request)
    assert [status.job for status in client.jobs()].count(job) == 1
    with pytest.raises(BackendRefused) as refused:
        client.submit(job, JobRequest("tiles-plain", sent.sha256, wanted=("body",)))
    assert refused.value.code == "conflict"


def test_progress_has_stages_and_never_falls(client: BackendClient) -> None:
    job = submit(client, engine="tiles-pause.0.05")
    seen = list(client.follow(job))
    fractions = [status.fraction for status in seen if status.state is JobState.RUNNING]
    assert fractions == sorted(fractions)
    assert any(status.stage.startswith("Tile ") for status in seen)
    assert any(status.seconds_left is not None for status in seen)
    assert seen[-1].state is JobState.DONE
