"""Sessions of the library nnInteractive: its own in this process, or its client's to a server.

Both offer the same methods. The library's own loader unpickles a checkpoint without restraint and is not
used: plans and weights of the model's folder go into the session by the door it has for models that are
loaded already. What the library prints goes to nobody.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting, JobFailed
from inference_backend.inference.devices import Runtime
from inference_backend.interactive.description import KEY_VARIABLE, MEND, MEND_CLIENT, Folder
from inference_backend.models.bundle import tensors_of, verified
from inference_backend.models.pack_reading import require_fit
from inference_backend.nnunet.architecture import architecture_of
from inference_backend.nnunet.plans import inherited, parsed
from inference_backend.nnunet.unet import NnUNet

SCAN_CHANNELS = 1
ANSWERS = 2
ANSWER_S = 600.0
START = "nninteractive-server --model-dir FOLDER --fold 0 --api-key KEY"


class Expired(JobFailed):
    """The server has given the session up: a new one may be asked for."""


class Watched(nn.Module):
    """A network that calls `look` before every look at the scan, so that a user can stop it."""

    def __init__(self, network: nn.Module, look: Callable[[], None]) -> None:
        super().__init__()
        self.network = network
        self._look = look

    def forward(self, x: Tensor) -> Tensor:
        """Logits of outside and inside."""
        self._look()
        logits: Tensor = self.network(x)
        return logits


def network_of(folder: Path, model: Folder) -> nn.Module:
    """The network, on the CPU, not training. DamagedFile where the weights are not what they were."""
    plans = parsed(verified(folder, model.plans).read_bytes(), "plans.json")
    architecture = architecture_of(inherited(plans, model.configuration))
    network = NnUNet(architecture, SCAN_CHANNELS + model.ways.channels, ANSWERS)
    require_fit(network, tensors_of(folder, model.weights), model.weights.file)
    return network.eval().requires_grad_(False)


def local_session(
    folder: Path, model: Folder, network: nn.Module, runtime: Runtime, *, autozoom: bool
) -> Any:
    """The library's session with a network in it. BadSetting where the library is missing."""
    try:
        with quiet():
            from nnInteractive.inference.inference_session import nnInteractiveInferenceSession
            from nnInteractive.interaction.point import PointInteraction_stub
            from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    except ImportError as error:
        raise BadSetting("nninteractive is not installed.", advice=f"Install it: {MEND}") from error
    ways = model.ways
    dataset = dict(parsed(verified(folder, model.dataset).read_bytes(), "dataset.json"))
    plans = PlansManager(dict(parsed(verified(folder, model.plans).read_bytes(), "plans.json")))
    with quiet():
        session = nnInteractiveInferenceSession(
            device=torch.device(runtime.device),
            use_torch_compile=False,
            torch_n_threads=torch.get_num_threads(),
            do_autozoom=autozoom,
        )
        session.initialize_from_loaded_artifacts(
            {
                "capability_content": dict(ways.capability),
                "point_interaction": PointInteraction_stub(ways.point_radius, True),
                "preferred_scribble_thickness": list(ways.thickness),
                "interaction_decay": ways.decay,
                "pad_mode_data": "constant",
                "network": network,
                "plans_manager": plans,
                "configuration_manager": plans.get_configuration(model.configuration),
                "dataset_json": dataset,
                "trainer_name": model.trainer,
                "label_manager": plans.get_label_manager(dataset),
                "license": "",
            }
        )
    return session


def remote_session(url: str) -> Any:
    """A session on a server. BadSetting where the client is missing or the key is refused;
    JobFailed where no server answers, or it has no place."""
    try:
        from nnInteractive.inference.remote.remote_session import nnInteractiveRemoteInferenceSession
    except ImportError as error:
        raise BadSetting(
            "nninteractive-client is not installed.", advice=f"Install it: {MEND_CLIENT}"
        ) from error
    with told_of_server(url):
        return nnInteractiveRemoteInferenceSession(
            url, api_key=os.environ.get(KEY_VARIABLE), read_timeout=ANSWER_S
        )


@contextmanager
def told_of_server(url: str) -> Iterator[None]:
    """What goes wrong between here and a server, in words."""
    import httpx
    from nnInteractive.inference.remote.remote_session import ServerAtCapacityError, SessionExpiredError

    try:
        yield
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            raise BadSetting(
                f"The nnInteractive server {url} refuses the key.",
                advice=f"Set {KEY_VARIABLE} to the server's key before the backend is started.",
            ) from error
        raise JobFailed(
            f"The nnInteractive server {url} answers {error.response.status_code}.", advice="See its log."
        ) from error
    except ServerAtCapacityError as error:
        raise JobFailed(
            f"The nnInteractive server {url} has no free session.", advice="Wait, or give it more sessions."
        ) from error
    except SessionExpiredError as error:
        raise Expired(f"The nnInteractive server {url} has given the session up.") from error
    except httpx.HTTPError as error:
        raise JobFailed(
            f"The nnInteractive server {url} does not answer.", advice=f"Start it: {START}"
        ) from error


def close(session: Any) -> None:
    """Ends a session and its threads."""
    with quiet():
        if hasattr(session, "close"):
            session.close()
        else:
            session.executor.shutdown()


@contextmanager
def quiet() -> Iterator[None]:
    """What the library prints is dropped: the log of a backend holds no prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
