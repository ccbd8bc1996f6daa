"""The command `amlart`: every sub-command, and the one place where an error becomes words and an exit code.

Exit codes: 0 done; 1 something unexpected; 2 a wrong option, name or setting; 3 the input was refused; 4 the
scan holds nothing to contour; 5 the export failed or read back differently; 6 the backend could not be
reached, refused, or could not do a job; 130 stopped by the user. With `--json` one JSON object goes to
standard output; progress and messages go to standard error.
"""

from __future__ import annotations

import logging
import os
import sys

import typer

from AmlartContourLib.contract.errors import (
    AmlartError,
    BackendProblem,
    BadSetting,
    Cancelled,
    ExportFailed,
    IrregularSlices,
    NothingToContour,
    SeveralSeries,
    UnknownStructure,
)
from inference_backend.commands import (
    clinic,
    cohort,
    commission,
    compare,
    contour,
    convert,
    deidentify,
    demo,
    doctor,
    engines,
    evaluate,
    jobs,
    models,
    pack_offline,
    phantom,
    second_opinion,
    second_opinion_calibrate,
    serve,
    structures,
    train,
    workstation,
)
from inference_backend.commands.console import to_user

LOG = logging.getLogger(__name__)
DEBUG = "AMLART_DEBUG"

app = typer.Typer(
    name="amlart",
    help="Contours for cervical-cancer radiotherapy. Research use only: every contour must be reviewed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    contour,
    compare,
    second_opinion,
    second_opinion_calibrate,
    convert,
    structures,
    phantom,
    cohort,
    clinic,
    deidentify,
    demo,
    doctor,
    engines,
    serve,
    jobs,
    models,
    train,
    evaluate,
    commission,
    workstation,
    pack_offline,
)
for command in COMMANDS:
    command.add_to(app)


def exit_code(error: AmlartError) -> int:
    """The documented exit code of a refusal."""
    if isinstance(error, (BadSetting, UnknownStructure)):
        return 2
    if isinstance(error, NothingToContour):
        return 4
    if isinstance(error, ExportFailed):
        return 5
    if isinstance(error, BackendProblem):
        return 6
    if isinstance(error, Cancelled):
        return 130
    return 3


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit code. No traceback reaches the user."""
    logging.basicConfig(level=logging.DEBUG if os.environ.get(DEBUG) else logging.WARNING)
    try:
        app(arguments)
    except SystemExit as end:  # how typer ends every command, wrong options and Ctrl-C among them
        return end.code if isinstance(end.code, int) else 0
    except AmlartError as error:
        to_user("[bold red]Refused:[/] {}", error)
        for hint in _hints(error):
            to_user("  {}", hint)
        return exit_code(error)
    except Exception as error:  # the boundary: whatever happened, the user reads words
        LOG.debug("unexpected", exc_info=error)
        to_user(
            "[bold red]Something unexpected happened[/] ({}). No export was written under its final name. "
            "Set {}=1 and run again to see where, and report that text.",
            type(error).__name__,
            DEBUG,
        )
        return 1
    return 0


def _hints(error: AmlartError) -> list[str]:
    """The options of this command that answer a refusal."""
    if isinstance(error, SeveralSeries):
        return [f"--series {uid}  {description}" for uid, description in error.choices]
    return ["--resample-tilt"] if isinstance(error, IrregularSlices) and "resampl" in error.advice else []


if __name__ == "__main__":
    sys.exit(main())
