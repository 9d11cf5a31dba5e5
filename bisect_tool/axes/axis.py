"""An axis: one way of asking where a port goes wrong, with one interface for all of them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bisect_tool.captures.reader import Capture
from bisect_tool.checks.initial.laws import LawFinding
from bisect_tool.checks.initial.start import InitialFinding
from bisect_tool.culprit import AfterTheLayers, Culprit
from bisect_tool.errors import BisectError
from bisect_tool.finding import Finding
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.interface import Port
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question, verdict_on
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.questions.stop import Stopped
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import limits
from bisect_tool.sites import Site


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an axis found.

    Attributes: ``culprits``; ``open_ends`` (what it could not settle, in words: they make a run inconclusive) and ``notes``
    (what else there is to say); ``sharper`` maps culprits of axes before to what this one names in their place; ``elsewhere``
    are calls that mean another thing in the port: no later axis puts the reference's value there.
    """

    culprits: tuple[Culprit, ...] = ()
    open_ends: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sharper: Mapping[Culprit, tuple[Culprit, ...]] = field(default_factory=dict)
    elsewhere: frozenset[Site] = frozenset()


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, kw_only=True)
class Forms:
    """Tensors that the port starts with the reference's own numbers, in another order.

    Attributes: ``kept`` are left as the port has them, since its code is right with them so, and not with the reference's as they
    are; of ``unsure`` ones neither is known, in words; ``findings`` say it.
    """

    kept: frozenset[Site] = frozenset()
    unsure: Mapping[Site, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that an axis may look at: the port beside its reference, what is asked, and what the axes before have answered.

    Attributes:
        target: the scalar to bisect; None: every call is judged by itself.
        gradient_target: the target of gradients, where one is asked about.
        trace: the calls that can be patched; state: the parameters and buffers that can.
        questions: the code question about each target that is compared, the first one first.
        starts: where each target that is asked about may start with the port's own weights, as far as the capture tells.
        own, base: the port as it is, and with the reference's weights.
        initial: initial values that differ from the reference's in kind; laws: those that are drawn from another law.
        forms: tensors that the port keeps in another form than the reference.
        answers: what the axes before have answered, by name.
        reference: opens the reference itself, once, as a port of itself; None where it cannot be run.

    """

    port: Port
    capture: Capture
    log: ProbeLog
    target: str | None
    gradient_target: str | None
    pair: Pair
    trace: Trace
    state: tuple[Site, ...]
    questions: Mapping[str, TargetQuestion]
    starts: Mapping[str, Interval]
    own: Reading
    base: Reading
    initial: tuple[InitialFinding, ...]
    laws: tuple[LawFinding, ...] = ()
    forms: Forms = field(default_factory=Forms)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    reference: Callable[[], Port | None] = lambda: None

    @property
    def question(self) -> Question:
        """Return the code question about the target, or about the first one where none is asked about."""
        return next(iter(self.questions.values())).question

    @property
    def asked(self) -> Mapping[str, TargetQuestion]:
        """Return the code question about each target that is asked about; none where nothing was asked yet."""
        return {name: q for name, q in self.questions.items() if self.target in (None, name)}

    @property
    def off(self) -> list[str]:
        """Return the targets that are asked about and do not agree with the reference's weights."""
        return [n for n, q in self.asked.items() if verdict_on(self.base, n, q.question.interval) is not Verdict.AGREES]

    @property
    def given(self) -> frozenset[str]:
        """Return the parameters and buffers that get the reference's values, and surely so: not paired by order alone."""
        pairs, state = self.pair.matching, self.capture.manifest.described.state
        sure = {name for name in (*self.state, *self.pair.tied()) if pairs.how.get(name) != "guess"} | self.forms.kept
        # A second name that the reference alone has for a tensor is that tensor.
        return frozenset(sure.union(e.name for e in state if e.alias_of in sure and e.name not in pairs.state))

    @property
    def lost(self) -> tuple[str, ...]:
        """Return the reference's parameters that could not be given, or not surely so."""
        state, given = self.capture.manifest.described.state, self.given
        return tuple(e.name for e in state if e.kind == "parameter" and e.name not in given)

    def answer(self, kind: type[A]) -> A | None:
        """Return what the axis answered that answers in a kind of its own; None where it did not."""
        return next((a for a in self.answers.values() if isinstance(a, kind)), None)

    @property
    def culprits(self) -> tuple[Culprit, ...]:
        """Return all that is to blame so far."""
        return tuple(culprit for answer in self.answers.values() for culprit in answer.culprits)

    @property
    def after_the_layers(self) -> bool:
        """Tell whether code after the last layer is to blame so far."""
        return any(isinstance(culprit, AfterTheLayers) for culprit in self.culprits)

    def answered(self, name: str, answer: Answer) -> Case:
        """Return the case with one more answer; where it names culprits more sharply, they take the place of the former."""
        answers = {known: _sharpened(before, answer.sharper) for known, before in self.answers.items()}
        return dataclasses.replace(self, answers={**answers, name: answer}, trace=self.trace.without(answer.elsewhere))


def _sharpened(answer: A, sharper: Mapping[Culprit, tuple[Culprit, ...]]) -> A:
    culprits = tuple(new for old in answer.culprits for new in sharper.get(old, (old,)))
    return dataclasses.replace(answer, culprits=tuple(dict.fromkeys(culprits)))


@dataclass(frozen=True)
class Axis:
    """One way of asking: ``search`` asks through the questions of a case, and answers.

    ``needs`` are the capabilities that a worker must have for it; ``lost`` says what a report lacks without.
    """

    name: str
    needs: frozenset[str]
    lost: str
    search: Callable[[Case], Answer]


def check_announced(axis: Axis, port: Port, target: str) -> None:
    """Raise BisectError where the worker cannot do what a target needs that this axis alone can answer."""
    lacking = sorted(axis.needs - port.capabilities)
    if lacking:
        raise BisectError(f"target {target!r}: {limits.not_asked(axis.lost, lacking)}")


def ask(axis: Axis, case: Case) -> Case:
    """Return the case with an axis's answer; with a note in its place where the worker cannot do what it needs."""
    lacking = sorted(axis.needs - case.port.capabilities)
    answer = Answer(notes=(limits.not_asked(axis.lost, lacking),)) if lacking else _found_by(axis, case)
    return case.answered(axis.name, answer)


@contextlib.contextmanager
def handing_over(so_far: Callable[[], Answer]) -> Iterator[None]:
    """Where the search is stopped inside the block, have what the axis knows by then reported; the outermost block counts."""
    try:
        yield
    except Stopped as stopped:
        stopped.so_far = so_far()
        raise


def _found_by(axis: Axis, case: Case) -> Answer:
    """Return an axis's answer; where the search is stopped, what it handed over, with that as an open end."""
    try:
        return axis.search(case)
    except Stopped as stopped:
        found: Answer = stopped.so_far or Answer()
        lost = axis.lost if stopped.so_far is None else limits.ENDED_EARLY
        return dataclasses.replace(found, open_ends=(*found.open_ends, limits.not_finished(str(stopped), lost)))
    finally:
        case.log.lift()
