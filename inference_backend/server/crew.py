"""All devices of one backend: their threads, and cancelling a job wherever it runs."""

from __future__ import annotations

from AmlartContourLib.contract.messages import DeviceState
from inference_backend.server.runner import DeviceRunner
from inference_backend.server.workshop import Workshop

STOP_S = 10.0


class Crew:
    """One thread for each device."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._runners = [DeviceRunner(device, shop) for device in shop.settings.devices]

    def start(self) -> None:
        """Starts working through the queue."""
        for runner in self._runners:
            runner.start()

    def stop(self) -> None:
        """Interrupts what runs, ends the workers, and waits for the threads."""
        for runner in self._runners:
            runner.stop()
        for runner in self._runners:
            runner.join(STOP_S)

    def wake(self) -> None:
        """There may be something to do."""
        for runner in self._runners:
            runner.wake()

    def cancel(self, job: str) -> None:
        """Stops a running job within the grace time."""
        self._shop.cancels.add(job)
        self.wake()

    @property
    def busy(self) -> bool:
        """True while any device works."""
        return any(runner.current for runner in self._runners)

    def seconds_left(self) -> list[float | None]:
        """For each running job the seconds left, None where that is unknown."""
        running = (self._shop.live.progress(runner.current) for runner in self._runners if runner.current)
        return [progress.seconds_left if progress else None for progress in running]

    def states(self, own_jobs: set[str]) -> tuple[DeviceState, ...]:
        """Every device; a job's id is told only where it is the asking user's own."""
        states = []
        for runner in self._runners:
            job = runner.current
            shown = job if job in own_jobs else None
            states.append(DeviceState(runner.device, job is not None, shown, runner.loaded))
        return tuple(states)
