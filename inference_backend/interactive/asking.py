"""One session of nnInteractive kept from prompt to prompt: opened when it is first asked, ended when it
failed, and opened again where a server gave it up or a GPU's memory did not suffice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AmlartContourLib.contract.errors import JobFailed
from inference_backend.inference.devices import Runtime
from inference_backend.inference.memory import is_out_of_memory
from inference_backend.interactive.description import Interactive
from inference_backend.interactive.fixing import Shown
from inference_backend.interactive.sessions import (
    Expired,
    Watched,
    close,
    local_session,
    network_of,
    remote_session,
    told_of_server,
)
from inference_backend.prompted.asking import require_room

if TYPE_CHECKING:
    from torch import nn

    from AmlartContourLib.domain.mask import Mask
    from inference_backend.inference.pace import Pace

SCAN_BYTES = 9  # a voxel: twice as float32, once as the answer
PROMPT_BYTES = 2  # a voxel and channel
LIBRARY_FAULTS = (ValueError, TypeError, AssertionError, IndexError, KeyError)
"""What the library's session raises on prompts that it cannot place."""


class SessionAsker:
    """Asks the session of one model. `findings` collects sentences for the user."""

    def __init__(self, folder: Path, model: Interactive, runtime: Runtime) -> None:
        self._folder = folder
        self._model = model
        self.runtime = runtime
        self.findings: list[str] = []
        self._network: nn.Module | None = None
        if model.folder is not None:
            self._network = Watched(network_of(folder, model.folder), self._look)
        self._shown: Shown | None = None
        self._pace: Pace | None = None
        self.open()

    @property
    def where(self) -> str:
        """The device, or that it is a server."""
        return self.runtime.device if self._model.server is None else "server"

    def ask(self, run: Callable[[Shown], Mask], voxels: int, pace: Pace) -> Mask:
        """What the session answers about a scan of so many voxels. JobFailed where it cannot, TooLarge where
        the CPU's memory cannot hold it. Raises Cancelled."""
        self._require_room(voxels)
        self._pace = pace
        try:
            return self._once(run)
        except Expired:
            return self._once(run)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if not self.runtime.on_gpu:
                raise MemoryError from error
        self.findings.append(
            f"The memory of {self.runtime.device} did not suffice: asked on the CPU, more slowly."
        )
        self.runtime = Runtime("cpu", self.runtime.deterministic)
        return self._once(run)

    def open(self) -> Shown:
        """The session, a new one where there is none. Raises what `local_session` or `remote_session`
        does."""
        if self._shown is None:
            session, (k, j, i) = self._new()
            self._shown = Shown(session, (k, j, i))
        return self._shown

    def end(self) -> None:
        """Ends the session with its threads."""
        if self._shown is not None:
            shown, self._shown = self._shown, None
            close(shown.session)

    def _new(self) -> tuple[Any, tuple[int, int, int]]:
        """A session, and how thick a scribble is drawn for it."""
        if self._model.folder is None or self._network is None:
            session = remote_session(self._model.server or "")
            k, j, i = (max(1, int(side)) for side in session.preferred_scribble_thickness)
            return session, (k, j, i)
        network = self._network.to(self.runtime.device)
        session = local_session(
            self._folder, self._model.folder, network, self.runtime, autozoom=self._model.autozoom
        )
        return session, self._model.folder.ways.thickness

    def _once(self, run: Callable[[Shown], Mask]) -> Mask:
        """One try; a session that failed is in no known state and is ended."""
        done = False
        try:
            with nullcontext() if self._model.server is None else told_of_server(self._model.server):
                mask = run(self.open())
            done = True
            return mask
        except LIBRARY_FAULTS as error:
            what = f"nnInteractive could not answer this prompt ({type(error).__name__})."
            raise JobFailed(what, kept="The contour is kept.", advice="Prompt elsewhere.") from error
        finally:
            if not done:
                self.end()

    def _look(self) -> None:
        """Called before each look of the network. Raises Cancelled."""
        if self._pace is not None:
            self._pace.tell(0.0, "Looking at the scan")

    def _require_room(self, voxels: int) -> None:
        folder = self._model.folder
        if folder is not None and not self.runtime.on_gpu:
            voxel = SCAN_BYTES + PROMPT_BYTES * folder.ways.channels
            require_room(folder.working_bytes + voxel * voxels, self._model.title)
