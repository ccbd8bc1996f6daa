"""`amlart jobs`: what the backend has to do and did; cancel, resume and remove."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import JobStatus, PurgeRequest
from AmlartContourLib.contract.strict_json import to_plain
from inference_backend.commands.backend_choice import CaFile, TokenFile, running_backend
from inference_backend.commands.console import result_json, result_table, to_user

SHOWN_ID = 8  # digits of an id that are shown, and that are enough to name a job

Url = Annotated[str | None, typer.Option(help="A backend elsewhere; this machine's own if none.")]
Home = Annotated[Path | None, typer.Option(help="Folder of this machine's backend.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ids = Annotated[list[str], typer.Argument(help="Ids as listed; the first digits are enough.")]

commands = typer.Typer(help="List, cancel, resume and remove jobs of a backend.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(commands, name="jobs")


@commands.command("list")
def list_jobs(
    url: Url = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List your jobs, newest first."""
    jobs = running_backend(url, token_file, ca_file, home).jobs(1000)
    if as_json:
        result_json({"jobs": to_plain(jobs)})
        return
    table = Table("job", "state", "engine", "stage", "done", "time left", "submitted", "remark")
    for job in jobs:
        table.add_row(*_row(job))
    result_table(table)


@commands.command("cancel")
def cancel_jobs(
    jobs: Ids, url: Url = None, token_file: TokenFile = None, ca_file: CaFile = None, home: Home = None
) -> None:
    """Stop jobs that wait or run."""
    client = running_backend(url, token_file, ca_file, home)
    for job in _resolved(client, jobs):
        client.cancel(job)
        to_user("Job {} is cancelled.", job[:SHOWN_ID])


@commands.command("resume")
def resume_jobs(
    jobs: Ids, url: Url = None, token_file: TokenFile = None, ca_file: CaFile = None, home: Home = None
) -> None:
    """Put interrupted, failed or cancelled jobs back into the queue."""
    client = running_backend(url, token_file, ca_file, home)
    for job in _resolved(client, jobs):
        status = client.resume(job)
        to_user("Job {} is {}.", job[:SHOWN_ID], status.state.value)


@commands.command("purge")
def purge_jobs(
    jobs: Annotated[list[str] | None, typer.Argument(help="Only these; all that ended if none.")] = None,
    older_than_hours: Annotated[float, typer.Option(help="Only what ended that long ago.")] = 0.0,
    url: Url = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Remove ended jobs, their results, and uploads that no job needs."""
    client = running_backend(url, token_file, ca_file, home)
    only = _resolved(client, jobs) if jobs else ()
    report = client.purge(PurgeRequest(older_than_hours * 3600, only))
    if as_json:
        result_json(to_plain(report))
        return
    megabytes = f"{report.freed_bytes / 1e6:.1f}"
    to_user("Removed {} jobs and {} uploads: {} MB are free again.", report.jobs, report.uploads, megabytes)


def _resolved(client: BackendClient, beginnings: list[str]) -> tuple[str, ...]:
    known = [status.job for status in client.jobs(1000)]
    found = []
    for beginning in beginnings:
        matches = [job for job in known if job.startswith(beginning.lower())]
        if len(matches) != 1:
            which = "No job's" if not matches else "More than one job's"
            raise BadSetting(
                f"{which} id begins with {beginning!r}.", advice="`amlart jobs list` shows them."
            )
        found += matches
    return tuple(found)


def _row(job: JobStatus) -> tuple[str, ...]:
    submitted = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.submitted_at))
    left = f"{job.seconds_left:.0f} s" if job.seconds_left is not None else "not known"
    place = f"{job.position} in the queue" if job.position else job.stage
    remark = job.problem.what if job.problem else ""
    ended = job.state.has_ended
    return (
        job.job[:SHOWN_ID],
        job.state.value,
        job.engine,
        place,
        f"{job.fraction:.0%}",
        "" if ended else left,
        submitted,
        remark,
    )
