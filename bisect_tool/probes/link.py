"""The life of a port's worker: told of the capture, started again where it dies, and told again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bisect_tool.captures.described import Described
from bisect_tool.errors import BisectError, InconclusiveError, WorkerError
from bisect_tool.workers.process import Worker

MOST_RESTARTS = 3
Start = Callable[[], tuple[Worker, Described]]


class Link:
    """A worker that runs again after it died, with the same values of the reference attached.

    Attributes: ``worker``, the one that runs now; ``on_life`` is called at every sign of life while it is asked something;
    ``killed``, what workers were asked that somebody killed at it: each was asked once more.
    """

    def __init__(self, start: Start, worker: Worker, attachment: Mapping[str, Any]) -> None:
        self.worker = worker
        self.on_life: Callable[[], None] = lambda: None
        self.killed: list[str] = []
        self._start = start
        self._attachment = attachment
        self._variables: dict[str, Any] = {}
        self._remembered: tuple[list[str], list[str]] = ([], [])
        self._restarts = 0
        self._ended = False

    @property
    def capabilities(self) -> frozenset[str]:
        """What the worker can do."""
        return self.worker.capabilities

    def close(self) -> None:
        """End the worker: nothing is asked after that, and none is started again."""
        self._ended = True
        self.worker.close()

    def kill(self) -> None:
        """End the worker at once."""
        self._ended = True
        self.worker.kill()

    def attach(self) -> float:
        """Tell the worker which recorded values belong where; return how far off the framework's sums are."""
        sum_error = float(self.worker.ask("attach", **self._attachment)["sum_error"])
        if self._variables:
            self.worker.ask("attach_variables", sites=self._variables)
        return sum_error

    def ask(self, operation: str, **request: Any) -> Any:
        """Ask the worker.

        One that is killed at it (the system had no memory left) is started and asked once more. Raises ModelError when it cannot
        answer. Raises WorkerError when it died: another one runs then. Raises BisectError after the end. What ``on_life`` raises
        ends the worker for good: nobody waits for its answer any more.
        """
        remembered = self._remembered
        try:
            return self._asked(operation, request)
        except WorkerError as error:
            if not error.killed:
                raise
        self.killed.append(operation)
        if any(remembered):
            self.remember(*remembered)
        return self._asked(operation, request)

    def _asked(self, operation: str, request: Mapping[str, Any]) -> Any:
        self.on_life()
        if self._ended:
            raise BisectError("the port was closed", hint="ask it inside its `with open_port(...)` block")
        try:
            self.worker.on_life = self.on_life
            return self.worker.ask(operation, **request)
        except WorkerError as error:
            self._restart(error)
            raise
        except BisectError:
            raise
        except BaseException:
            self.kill()
            raise

    def remember(self, patch: list[str], sites: list[str]) -> None:
        """Have the values of some calls, under some patches, kept for later runs; raises as ``ask`` does."""
        if (patch, sites) != self._remembered:
            self._remembered = ([], [])  # asked once more, it has nothing to go by
            self.ask("remember", patch=patch, sites=sites)
            self._remembered = (patch, sites)

    def attach_variables(self, sites: Mapping[str, Any]) -> None:
        """Have the reference's values of more variables taken: {the port's site: tree}; raises as ``ask`` does."""
        self.ask("attach_variables", sites=sites)
        self._variables.update(sites)

    def _restart(self, error: WorkerError) -> None:
        self._restarts += 1
        if self._restarts > MOST_RESTARTS:
            raise InconclusiveError(
                f"the port's worker failed {self._restarts} times; last: {error}",
                hint="run again with -v to see what it prints; finished probes are kept",
                detail=error.detail,
            ) from error
        self.worker.kill()
        try:
            self.worker, _ = self._start()
        except BisectError as failed:
            raise InconclusiveError(
                f"the port's worker failed, and does not start again: {failed}", hint=failed.hint, detail=failed.detail
            ) from failed
        self._remembered = ([], [])
        try:
            self.attach()
        except WorkerError as again:
            self._restart(again)
