"""Whether a search has to end before it is through, and what ends it: an exception that no probe's failure is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bisect_tool.sentences import limits


class Stopped(Exception):  # noqa: N818 - no error
    """The search ends here. Its message says why: "stopped after 60 s".

    Attributes: ``so_far``, the answer of the axis that was at work, where it could hand one over.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.so_far: Any = None


@dataclass
class Stop:
    """When a search has to end: once its time is over, or somebody interrupts it. The clock begins when this is made.

    Attributes: ``time_limit`` in seconds; ``interrupted`` tells whether somebody wants an end; ``why`` it ended, once it had to.
    """

    time_limit: float | None = None
    interrupted: Callable[[], bool] = lambda: False
    began: float = field(default_factory=time.monotonic)
    why: str = ""

    def check(self) -> None:
        """Raise Stopped where the search has to end, and ever after."""
        seconds = time.monotonic() - self.began
        if not self.why and self.interrupted():
            self.why = limits.interrupted(seconds)
        elif not self.why and self.time_limit is not None and seconds >= self.time_limit:
            self.why = limits.out_of_time(seconds)
        if self.why:
            raise Stopped(self.why)
