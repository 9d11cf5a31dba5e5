"""A case as an axis gets it, around any port that can be run: no process, no capture on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manifests import described, manifest

from bisect_tool.axes.axis import Case
from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest, WatchedFunctions
from bisect_tool.captures.reader import Capture
from bisect_tool.pairing.names import Matching
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.questions.tolerance import Interval
from bisect_tool.sites import Site

EVERYTHING = frozenset({"run", "values", "survey", "gradients", "statements", "optimizer"})


class NoAsides:
    """A worker that answers nothing beside probes."""

    def __init__(self) -> None:
        self.unanswered: dict[str, str] = {}
        self.watched = WatchedFunctions()

    def compare_state(self, _names: object) -> dict[Site, float]:
        """Compare nothing."""
        return {}

    def values(self, _intervention: Intervention, _sites: object) -> dict[Site, Any]:
        """Hand over nothing."""
        return {}


class BarePort:
    """What every simulated port has: names that are the same on both sides. A subclass says what ``run`` gives."""

    capabilities = EVERYTHING
    rename: tuple[tuple[str, str], ...] = ()
    sum_error = 0.0
    killed: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.asides: Any = NoAsides()
        self.described = Described.model_validate(described())
        self.matching = Matching({}, {}, {}, (), ())

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        raise NotImplementedError

    def on_life(self, _check: object) -> None:
        """There is no process that could show life."""

    def knows(self, _capture: object) -> bool:
        """Any capture is its own."""
        return True

    def can_patch(self, _site: str) -> bool:
        """Any site can be patched."""
        return True

    def port_call(self, call: str) -> str | None:
        """Return the same name."""
        return call


def case_of(
    port: Any,
    *,
    trace: Trace,
    state: Sequence[Site] = (),
    target: str | None = "loss",
    code: Interval = Interval(0.9, 1.1, 1.0, "made up"),
    loss: Interval = Interval(0.99, 1.01, 1.0, "made up"),
    start: Interval | None = None,
    answers: Mapping[str, Any] | None = None,
    read: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Case:
    """Return a case about the target ``loss``; ``fields`` are the manifest's own, ``read`` the arrays that the capture holds."""
    data = Manifest.model_validate(manifest(described(), **{"state": {site: site for site in state}, **fields}))
    capture = _Capture(Path(), data, "key", dict(read or {}))
    log = ProbeLog()
    question = Question("code", port, log, "loss", code, Intervention(frozenset(state)))
    return Case(
        port=port,
        capture=capture,
        log=log,
        target=target,
        gradient_target=None,
        pair=Pair(data, port.described, port.matching, {}),
        trace=trace,
        state=tuple(state),
        questions={"loss": TargetQuestion(question, loss)},
        starts={} if start is None else {"loss": start},
        own=port.run(Intervention()),
        base=question.ask("split", "all parameters and buffers"),
        initial=(),
        answers=dict(answers or {}),
    )


class _Capture(Capture):
    """A capture whose arrays are in memory."""

    def __init__(self, folder: Path, data: Manifest, key: str, arrays: dict[str, Any]) -> None:
        super().__init__(folder, data, key)
        object.__setattr__(self, "_arrays", arrays)

    def read(self, key: str) -> Any:
        """Return an array."""
        return self._arrays[key]  # type: ignore[attr-defined]
