"""The process that runs engines on one device: reads orders from its input, writes reports to its output.

It ends at once when its input ends, so it never outlives the backend, however that ended. Threads: one reads
orders, one tells that the process is alive, the main one contours. Whatever a library prints goes to standard
error, never among the reports.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import sys
import threading
import time
from typing import IO

from AmlartContourLib.contract.errors import AmlartError, Cancelled, NothingToContour
from AmlartContourLib.contract.problems import Code, problem_of
from AmlartContourLib.contract.strict_json import from_json, to_json
from inference_backend.models.allocation import give_back_freed_memory, keep_freed_memory
from inference_backend.server.job_problems import out_of_memory, unexpected
from inference_backend.server.orders import SIGN_OF_LIFE_S, Ask, Order, Report, Task, Tell
from inference_backend.server.shelf import Shelf
from inference_backend.server.task_run import run_task

LOG = logging.getLogger(__name__)
TELL_EVERY_S = 0.05


class Worker:
    """One device's worker."""

    def __init__(self, shelf: Shelf, orders: IO[str], reports: IO[str]) -> None:
        self._shelf = shelf
        self._orders = orders
        self._reports = reports
        self._writing = threading.Lock()
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._last_told = 0.0
        self._stage = ""

    def run(self) -> None:
        """Works until the input ends."""
        threading.Thread(target=self._read_orders, daemon=True).start()
        threading.Thread(target=self._tell_alive, daemon=True).start()
        while True:
            task = self._tasks.get()
            self._tell(self._contour(task))
            give_back_freed_memory()

    def _contour(self, task: Task) -> Report:
        """The last report on a task. The boundary of all engines: nothing they raise goes further."""
        try:
            run_task(
                task,
                self._shelf,
                lambda fraction, stage: self._progress(task.job, fraction, stage),
                lambda: task.job in self._cancelled,
            )
        except Cancelled:
            return Report(Tell.CANCELLED, task.job, loaded=self._shelf.loaded)
        except NothingToContour as error:
            problem = problem_of(error, Code.NOTHING_TO_CONTOUR)
        except AmlartError as error:
            problem = problem_of(error, Code.REFUSED_INPUT)
        except MemoryError:
            problem = out_of_memory()
        except Exception as error:  # the boundary: an engine's fault ends its job, nothing else
            LOG.error("engine %s: %s", task.engine, type(error).__name__)
            LOG.debug("where", exc_info=error)
            problem = unexpected(error)
        else:
            return Report(Tell.DONE, task.job, loaded=self._shelf.loaded)
        return Report(Tell.FAILED, task.job, problem=problem, loaded=self._shelf.loaded)

    def _progress(self, job: str, fraction: float, stage: str) -> None:
        now = time.monotonic()
        if stage != self._stage or now - self._last_told >= TELL_EVERY_S:
            self._stage, self._last_told = stage, now
            self._tell(Report(Tell.PROGRESS, job, fraction, stage))

    def _read_orders(self) -> None:
        for line in self._orders:
            order = from_json(Order, line)
            if order.ask is Ask.CONTOUR and order.task is not None:
                self._cancelled.discard(order.job)  # it may have been cancelled, and resumed since
                self._tasks.put(order.task)
            elif order.ask is Ask.CANCEL:
                self._cancelled.add(order.job)
        os._exit(0)  # the backend has gone; an engine in the middle of its work must not keep this process

    def _tell_alive(self) -> None:
        while True:
            self._tell(Report(Tell.ALIVE))
            time.sleep(SIGN_OF_LIFE_S)

    def _tell(self, report: Report) -> None:
        with self._writing:
            try:
                self._reports.write(to_json(report) + "\n")
                self._reports.flush()
            except OSError:
                os._exit(0)  # nobody reads any more


def _private_channel() -> tuple[IO[str], IO[str]]:
    """The streams to the backend, moved away from where libraries print and read."""
    orders = os.fdopen(os.dup(0), "r", encoding="utf-8")
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return orders, reports


def main() -> None:
    """Runs a worker: `python -m inference_backend.server.worker DEVICE MEMORY_BYTES`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device")
    parser.add_argument("memory_bytes", type=int)
    chosen = parser.parse_args()
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO)
    keep_freed_memory()
    orders, reports = _private_channel()
    Worker(Shelf(chosen.device, chosen.memory_bytes), orders, reports).run()


if __name__ == "__main__":
    main()
