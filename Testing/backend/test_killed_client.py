"""A client that is killed, as by a power cut, while it sends: nothing stays, and the next one goes on."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.frame_header import Kind
from AmlartContourLib.contract.messages import JobState
from support.backend_process import BackendProcess, ended, environment, frame, submit, wait_for

SIZE = (128, 128, 128)
SENDS_AND_STOPS = """
    import sys, time
    from support.backend_process import frame
    from AmlartContourLib.client.address import BackendAddress
    from AmlartContourLib.client.backend import BackendClient

    def halt(sent, length):
        if sent > length // 2:
            print("half", flush=True)
            time.sleep(600)

    BackendClient(BackendAddress({url!r}, {token!r})).send(frame(40, {size}), halt)
"""


@pytest.fixture
def doomed(shared: BackendProcess) -> subprocess.Popen[bytes]:
    """A client that has sent half of a scan."""
    program = SENDS_AND_STOPS.format(url=shared.url, token=shared.token, size=SIZE)
    command = [sys.executable, "-c", textwrap.dedent(program)]
    sending = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    assert sending.stdout is not None
    assert sending.stdout.readline() == b"half\n"
    sending.stdout.close()
    return sending


def test_a_client_killed_while_it_sends_leaves_nothing_and_the_next_one_gets_its_result(
    shared: BackendProcess, client: BackendClient, doomed: subprocess.Popen[bytes]
) -> None:
    wait_for(lambda: list(shared.home.glob("uploads/*.part")), 10, "half of it is there")
    doomed.kill()
    doomed.wait()
    wait_for(lambda: not list(shared.home.glob("uploads/*.part")), 10, "the half upload is removed")
    whole = frame(40, SIZE)
    assert not client.has(Kind.CT, whole.sha256)
    assert client.send(whole) is True
    job = submit(client, seed=41)
    assert ended(client, job).state is JobState.DONE
    later = shared.client()
    assert job in {status.job for status in later.jobs()}
    assert later.result(job).masks.ids
    later.close()
