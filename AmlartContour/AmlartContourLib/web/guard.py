"""Between the page and the session: what a handler raises becomes a sentence in the page, never only a log.

A refusal of our own says what happened, what was kept and what to do. Anything else is a fault: the page says
so in one sentence, and the log holds its kind.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

from AmlartContourLib.contract.errors import AmlartError

LOG = logging.getLogger(__name__)
FAULT = (
    "Something unexpected happened ({kind}). Your contours are as they were before this step, and saved as "
    "usual. If it happens again, reload the page, and tell your physicist what you did."
)

PASSING = ("success", "info")  # kinds of notices that go by themselves


class Notices:
    """The sentence that the page shows: what went well goes by itself after a while, a warning or a fault
    stays until dismissed. `state` is trame's. With each refusal `refusals` counts up: the page then makes its
    controls anew, so that none shows what was not accepted."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._number = 0  # of the notice, so that the page shows the same words anew
        state.notice = {"text": "", "kept": "", "advice": "", "kind": "info", "role": "status", "number": 0}
        state.notice_visible = False
        state.refusals = 0

    def tell(self, text: str, kind: str = "success") -> None:
        """Something went well, or is worth knowing."""
        self._show({"text": text, "kept": "", "advice": "", "kind": kind})

    def refuse(self, error: AmlartError) -> None:
        """What happened, what was kept, what to do."""
        self._show({"text": error.what, "kept": error.kept, "advice": error.advice, "kind": "warning"})
        self._state.refusals += 1

    def fault(self, error: BaseException) -> None:
        """An unexpected error."""
        LOG.error("a handler failed: %s", type(error).__name__)
        LOG.debug("where", exc_info=error)
        text = FAULT.format(kind=type(error).__name__)
        self._show({"text": text, "kept": "", "advice": "", "kind": "error"})
        self._state.refusals += 1

    def guarded(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The handler, which now tells the user instead of raising. For plain and for async handlers."""
        if inspect.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def later(*args: Any, **kwargs: Any) -> Any:
                try:
                    return await handler(*args, **kwargs)
                except AmlartError as error:
                    self.refuse(error)
                except Exception as error:  # noqa: BLE001 - the boundary of a slot
                    self.fault(error)
                finally:
                    self._state.flush()

            return later

        @functools.wraps(handler)
        def now(*args: Any, **kwargs: Any) -> Any:
            try:
                return handler(*args, **kwargs)
            except AmlartError as error:
                self.refuse(error)
            except Exception as error:  # noqa: BLE001 - the boundary of a slot
                self.fault(error)
            return None

        return now

    def _show(self, notice: dict[str, str]) -> None:
        self._number += 1
        role = "status" if notice["kind"] in PASSING else "alert"
        self._state.notice = {**notice, "role": role, "number": self._number}
        self._state.notice_visible = True
