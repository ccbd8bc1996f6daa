"""One sentence for each way in which a backend can be out of reach: what happened, and what to do."""

from __future__ import annotations

from AmlartContourLib.contract.errors import BackendUnreachable
from AmlartContourLib.contract.problems import Cause

WORDS: dict[Cause, tuple[str, str]] = {
    Cause.NAME_NOT_FOUND: (
        "No machine of the name {name} was found.",
        "Check the spelling of the address, and that this machine is on the right network.",
    ),
    Cause.NO_ROUTE: (
        "There is no way from this machine to {name}.",
        "Check the network connection, and whether a VPN is needed.",
    ),
    Cause.REFUSED: (
        "{name} is there, but no backend listens at that port.",
        "Start the backend (`amlart serve`), or check the port in the address.",
    ),
    Cause.TIMEOUT: (
        "{name} did not answer in time.",
        "Check the address and the firewall; if the machine is busy, try again.",
    ),
    Cause.TLS: (
        "The certificate of {name} could not be verified, or no encrypted connection could be made.",
        "Give the CA file of your site; check http:// or https:// in the address, and the name in it.",
    ),
    Cause.PROXY: (
        "A proxy answered instead of {name}.",
        "Add {name} to the addresses that bypass the proxy (NO_PROXY), or ask IT to let it through.",
    ),
    Cause.WRONG_SERVICE: (
        "Something else than an AmlartContour backend answers at {name}.",
        "Check the address and the port.",
    ),
    Cause.WRONG_TOKEN: (
        "The backend at {name} does not accept the token.",
        "Use the token that the backend's owner gave you.",
    ),
    Cause.WRONG_VERSION: (
        "The backend at {name} speaks another version of the protocol: {detail}.",
        "Update the older of the two: pip install --upgrade amlart-contour.",
    ),
    Cause.BUSY: (
        "The backend at {name} has too much to do to answer.",
        "Try again in a moment.",
    ),
    Cause.LOST: (
        "The connection to {name} was cut.",
        "Check that the backend still runs; a job that was sent is kept there.",
    ),
    Cause.NOT_STARTED: (
        "The local backend did not start. {detail}",
        "Run `amlart doctor`, or `amlart serve` in a terminal to see why.",
    ),
}


def explained(cause: Cause, name: str, detail: str = "") -> BackendUnreachable:
    """The error of a cause, in words."""
    what, advice = (text.format(name=name, detail=detail).strip() for text in WORDS[cause])
    return BackendUnreachable(what, cause.value, advice=advice)
