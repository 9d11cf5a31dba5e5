"""Ask for the faulty calls of a random port, and hold the answer against the truth."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import in_process
from random_nets.built import build_of, rules_of, truth_of
from random_nets.spec import Net

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.point import Suspect
from bisect_tool.axes.calls.search import CALLS, CallsAnswer
from bisect_tool.sites import module_of

BAD = ("false", "not silent")
FELT = 1e-4  # relative; of a target


@dataclass(frozen=True)
class Outcome:
    """What became of one port.

    Attributes:
        kind: "silent" (nothing is wrong, and nobody is suspected), "exact" (all faults, each by itself), "enclosing" (together
            with others, or not all), "inconclusive", "missed", "not silent" (nothing is wrong, and somebody is suspected),
            "false" (a proof has no fault in it).
        named: of each who is suspected: whether it is proved, and the pieces.
        truth: for each fault the modules of which one holds it.
        passes, bound: how many forced passes were run, and how many it may be.
        felt: whether the target feels what is wrong, at either point.

    """

    kind: str
    named: tuple[tuple[bool, tuple[str, ...]], ...]
    truth: tuple[frozenset[str], ...]
    passes: int
    bound: int
    felt: bool

    @property
    def merged(self) -> list[int]:
        """Return of how many pieces each is that is proved."""
        return [len(pieces) for proved, pieces in self.named if proved]


def outcome_of(net: Net) -> Outcome:
    """Search a port, and judge the answer."""
    with tempfile.TemporaryDirectory() as folder:
        capture = in_process.record(build_of(net, port=False), Path(folder) / "capture")
        port = in_process.beside(capture, build_of(net, port=True), rules_of(net))
        case = in_process.opened(port, capture)
        answer = CALLS.search(case)
        assert isinstance(answer, CallsAnswer)
        truth = truth_of(net)
        suspects = () if answer.judged is None else answer.judged.suspects
        felt = _felt(case)
        assert net.foreign or not (net.faithful and felt), (
            "what is drawn as another way of writing computes another thing"
        )
        return Outcome(
            kind=_kind(net, answer, suspects, truth),
            named=tuple((suspect.proved, tuple(suspect.pieces)) for suspect in suspects),
            truth=tuple(frozenset(fault) for fault in truth),
            passes=case.log.count("forced"),
            bound=bound_of(case),
            felt=felt,
        )


def _kind(net: Net, answer: CallsAnswer, suspects: Sequence[Suspect], truth: Sequence[set[str]]) -> str:
    proved = [{module_of(piece) for piece in suspect.pieces} for suspect in suspects if suspect.proved]
    if any(not any(pieces & fault for fault in truth) for pieces in proved):
        return "false"
    something = bool(suspects or answer.open_ends)
    if net.faithful and not net.foreign:
        return "not silent" if something else "silent"
    if not proved:
        return "inconclusive" if something else "missed"
    alone = all(len(suspect.pieces) == 1 for suspect in suspects if suspect.proved)
    return "exact" if alone and all(any(pieces & fault for pieces in proved) for fault in truth) else "enclosing"


def bound_of(case: Case) -> int:
    """Return how many forced passes a search may take at all points; each may be asked in float64 once more."""
    around = case.capture.manifest.calls
    depth, kinds = 1, set()
    for call in around:
        levels, outer = 1, around[call]
        while outer is not None:
            levels, outer = levels + 1, around[outer]
        depth = max(depth, levels)
        place = tuple(part for part in module_of(call).split(".") if not part.isdigit())
        kinds.add((case.trace.classes.get(module_of(call)), place))
    points = 1 if case.capture.manifest.stirred is None else 2
    return 2 * points * (1 + 2 * depth + len(kinds) + (1 + len(kinds)) + 12 * (depth + 1))


def _felt(case: Case) -> bool:
    """Tell whether the target is off at one of the points."""
    manifest, base = case.capture.manifest, case.question.base
    asked = [(base, manifest.targets)]
    if manifest.stirred is not None:
        asked.append((dataclasses.replace(base, point="stirred"), manifest.stirred.targets))
    return any(
        not math.isclose(case.port.run(intervention).targets.get(name, math.nan), value, rel_tol=FELT)
        for intervention, targets in asked
        for name, value in targets.items()
    )
