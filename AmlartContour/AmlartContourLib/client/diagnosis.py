"""The button "Test connection": one answer, in words, for each cause.

It first asks who is there without showing the token, so that a wrong service never gets to see it.
"""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.causes import explained
from AmlartContourLib.client.connection import Timeouts
from AmlartContourLib.contract.errors import AmlartError, BackendRefused, BackendUnreachable
from AmlartContourLib.contract.messages import Version
from AmlartContourLib.contract.problems import Cause, Code

QUICK = Timeouts(connect_s=4.0, answer_s=6.0)


@dataclass(frozen=True)
class ConnectionReport:
    """What a test found: the cause (None: all is well), what to tell the user, and the backend's version."""

    cause: Cause | None
    message: str
    version: Version | None = None

    @property
    def ok(self) -> bool:
        """True when the backend can be used."""
        return self.cause is None


def check_connection(address: BackendAddress, timeouts: Timeouts = QUICK) -> ConnectionReport:
    """Asks the backend who it is, then whether it accepts the token. Never raises for a backend's fault."""
    client = BackendClient(address, timeouts)
    try:
        client.health()
        version = client.version()
    except BackendUnreachable as error:
        return ConnectionReport(Cause(error.cause), str(error))
    except BackendRefused as error:
        return _refused(error, address)
    except AmlartError as error:
        return ConnectionReport(Cause.WRONG_SERVICE, str(error))
    finally:
        client.close()
    return ConnectionReport(None, f"Connected to backend {version.software} at {address.name}.", version)


def _refused(error: BackendRefused, address: BackendAddress) -> ConnectionReport:
    causes = {Code.WRONG_TOKEN.value: Cause.WRONG_TOKEN, Code.BUSY.value: Cause.BUSY}
    cause = causes.get(error.code)
    if cause is None:
        return ConnectionReport(Cause.WRONG_SERVICE, str(error))
    return ConnectionReport(cause, str(explained(cause, address.name)))
