"""Ask who makes wrong gradients: whose own code, which parameters are left out, and which initial values silence others.

The backward pass by pieces says whose own code it is; whole backward passes prove it. *Sufficient*: with the reference's
gradients passed on by the culprits, every gradient agrees. *Necessary*: with the other culprits right, and all that comes
after it giving the reference's gradient, they do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.gradients.lines import with_backward_lines
from bisect_tool.axes.gradients.pieces import Pieces, pull_pieces, whole_pass
from bisect_tool.axes.gradients.targets import (
    ALL,
    allowed,
    gradient_interval,
    gradient_question,
    norm_of,
    reference_norm,
    reference_rms,
)
from bisect_tool.axes.gradients.triage import port_kinds, reference_kinds, silent, table, words
from bisect_tool.axes.gradients.words import gradient_findings
from bisect_tool.captures.manifest import Gradients, Manifest
from bisect_tool.culprit import Culprit, Frozen, SilencingStart, Unregistered, WrongBackward
from bisect_tool.finding import Finding, counted, listed
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import PulledAt, Reading
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site, module_of


@dataclass(frozen=True, kw_only=True)
class GradientAnswer(Answer):
    """What was found of gradients.

    Attributes: ``triage`` (who gets a gradient, module by module) and what is ``said`` of it; ``norms`` of all gradients: the
    reference's, the port's with the reference's weights and with its own.
    """

    triage: list[dict[str, Any]] = field(default_factory=list)
    said: tuple[str, ...] = ()
    norms: tuple[float | None, float | None, float | None] = (None, None, None)


@dataclass(frozen=True)
class _Group:
    """What is one culprit: calls whose own code is wrong in the same way, or parameters that take no gradient."""

    sites: tuple[Site, ...]
    kind: type[WrongBackward] = WrongBackward
    severed: tuple[Site, ...] = ()
    pulled: tuple[Site, ...] = ()
    thawed: tuple[Site, ...] = ()
    given: tuple[Site, ...] = ()  # the port has no such parameter: nothing can be patched, only counted
    findings: tuple[Finding, ...] = ()
    rows: tuple[PulledAt, ...] = ()


def search_gradients(
    question: Question, trace: Trace, pair: Pair, gradients: Gradients, wrong: Sequence[Site], constants: list[Finding]
) -> GradientAnswer:
    """Compare every gradient, and find what makes them wrong.

    ``question`` judges the target of gradients; ``wrong`` are the calls that are wrong on the way forward already, which
    are not judged; ``constants`` the initial values that are constant on one side only.
    """
    right = _put_right(trace, wrong)
    whole = _whole(question, trace, [right], "the port's own backward pass")
    own = _own(question)
    if whole.failure is not None or own.failure is not None:
        return GradientAnswer(open_ends=(f"the port's backward pass fails: {whole.failure or own.failure}",))
    pieces = pull_pieces(question, trace, gradients)
    if pieces.reading.failure is not None:
        return GradientAnswer(open_ends=(f"the backward pass by pieces fails: {pieces.reading.failure}",))
    off = _off(pair.reference, gradients, whole)
    groups = [*_groups(pieces, trace, wrong, _batch_size(pair)), *_left_out(pair, gradients, whole)] if off else []
    proof = _Proof(question, trace, pair, right, tuple(groups))
    found = [proof.culprit(group) for group in groups]
    culprits = [culprit for culprit in found if not _agrees_without(culprit)]
    if not groups or all(c.confirmed for c in culprits):
        culprits += _silencing(question, pair, gradients, whole, own, constants)
    open_ends = []
    if off and not culprits:
        open_ends.append(
            f"the gradients of {listed(off)} are off in the port's whole backward pass, yet every call pulled back by itself is "
            "right: they are lost or made between the calls, or rounding adds up"
        )
    triage, said = _triage(pair, gradients, whole, own)
    norms = (reference_norm(pair.reference, gradients), norm_of(whole), norm_of(own))
    return GradientAnswer(culprits=tuple(culprits), open_ends=tuple(open_ends), triage=triage, said=said, norms=norms)


def _off(manifest: Manifest, gradients: Gradients, whole: Reading) -> list[str]:
    """Return the parameters whose gradients are off by more than they may be."""
    found = []
    for name in gradients.parameters:
        row = whole.gradients.get(name)
        scale = reference_rms(manifest, gradients, name)
        lost = row is None and bool(scale)
        if lost or (row is not None and row.exceeds(allowed(manifest, gradients, name))):
            found.append(name)
    return found


def _agrees_without(culprit: Culprit) -> bool:
    """Tell whether every gradient agrees although a call is not put right: then how it splits them does no harm."""
    return (
        isinstance(culprit, WrongBackward)
        and culprit.necessary is not None
        and culprit.necessary.verdict is Verdict.AGREES
        and culprit.felt
    )


def _put_right(trace: Trace, sites: Sequence[Site], findings: Sequence[Finding] = ()) -> _Group:
    """Return calls whose own code is to pass the reference's gradients on, with what makes it so."""
    severed = tuple(site for site in sites if site in trace.sites)
    pulled = tuple(trace.outermost(trace.sites)) if STEP in sites else ()
    return _Group(tuple(sites), severed=severed, pulled=pulled, findings=tuple(findings))


def _whole(
    question: Question, trace: Trace, groups: Sequence[_Group], what: str, pulled: Sequence[Site] = ()
) -> Reading:
    """Run a whole backward pass with some groups put right."""
    return whole_pass(
        question,
        what,
        straight=trace.sites,
        pulled={site for group in groups for site in group.pulled} | set(pulled),
        severed={site for group in groups for site in group.severed},
        thawed={site for group in groups for site in group.thawed},
    )


def _own(question: Question, patched: Sequence[Site] = (), what: str = "a backward pass as it is") -> Reading:
    return question.run(Intervention(frozenset(patched), backward="own"), "backward", what, patched=len(patched))


def _batch_size(pair: Pair) -> int:
    sizes = [entry.shape[0] for entry in pair.reference.described.batch if len(entry.shape) == 4]
    return sizes[0] if sizes else 0


def _groups(pieces: Pieces, trace: Trace, wrong: Sequence[Site], batch: int) -> list[_Group]:
    """Put calls together whose own code is wrong, where they are of the same classes and lose the same kinds of gradients."""
    found: dict[object, list[Site]] = {}
    for owner, rows in pieces.off.items():
        if owner in wrong:
            continue
        kin = STEP if owner == STEP else (trace.classes.get(module_of(owner)), tuple(sorted({_way(r) for r in rows})))
        found.setdefault(kin, []).append(owner)
    return [_group(pieces, trace, owners, batch) for owners in found.values()]


def _way(row: PulledAt) -> tuple[str, bool]:
    return row.part, row.gradient.missing


def _group(pieces: Pieces, trace: Trace, owners: Sequence[Site], batch: int) -> _Group:
    findings = [f for owner in owners[:2] for f in gradient_findings(owner, pieces.off[owner], batch)]
    if len(owners) > 2:
        findings.append(
            Finding("backward", tuple(owners[2:]), f"and so do {len(owners) - 2} more: {listed(owners[2:])}")
        )
    rows = tuple(row for owner in owners for row in pieces.off[owner])
    return dataclasses.replace(_put_right(trace, owners, findings), rows=rows)


def _left_out(pair: Pair, gradients: Gradients, whole: Reading) -> list[_Group]:
    """Return the parameters that learn in the reference, and are frozen in the port or not among its parameters."""
    learning = {name for name, key in gradients.parameters.items() if key is not None}
    theirs = {entry.name: entry for entry in pair.port.state}
    frozen, lost = [], []
    for entry in pair.reference.described.state:
        if entry.name not in learning or entry.name in whole.gradients:
            continue
        partner = pair.matching.state.get(entry.name)
        if partner is None:
            lost.append(Site(entry.name))
        elif theirs[partner].alias_of is None and theirs[partner].shape == entry.shape:
            frozen.append(Site(entry.name))
    found = []
    if frozen:
        message = f"{counted(len(frozen), 'parameter')} {'is' if len(frozen) == 1 else 'are'} frozen in the port: {listed(frozen)}"
        found.append(
            _Group(tuple(frozen), Frozen, thawed=tuple(frozen), findings=(Finding("frozen", tuple(frozen), message),))
        )
    if lost:
        message = f"{listed(lost)}: not among the port's parameters, so that nothing trains {'it' if len(lost) == 1 else 'them'}"
        found.append(
            _Group(
                tuple(lost),
                Unregistered,
                given=tuple(lost),
                findings=(Finding("not registered", tuple(lost), message),),
            )
        )
    return found


@dataclass(frozen=True)
class _Proof:
    """Whole backward passes that prove the culprits; ``right`` is what is wrong on the way forward already."""

    question: Question
    trace: Trace
    pair: Pair
    right: _Group
    groups: tuple[_Group, ...]

    def culprit(self, group: _Group) -> Culprit:
        """Return a group as a culprit, with its two probes; silent where the target alone does not feel it."""
        others = [other for other in self.groups if other is not group]
        healed = self._with(self.groups, ())
        sites = [site for site in group.sites if site in group.severed]
        before = self._with(others, sites)
        felt = _off(self.pair.reference, self._gradients(), before)
        if len(sites) > 1 and not felt and self._asked(others).verdict(before) is Verdict.AGREES:
            # They follow one another: the reference's gradient at one's output stands for what the next one loses.
            sites, before = [], self._with(others, ())
            felt = _off(self.pair.reference, self._gradients(), before)
        culprit = group.kind(
            sites=group.sites,
            sufficient=self._asked(self.groups).proof(
                f"{_names(self.groups)} passing the reference's gradients on", healed
            ),
            necessary=self._asked(others).proof(self._words(others, sites), before),
            findings=group.findings,
        )
        if self._hidden(group, others):
            words = "pulled back by itself; what it gets wrong goes no further than what must be put right too"
            return dataclasses.replace(culprit, necessary=Proof(words, Verdict.DIVERGES))
        if culprit.necessary is not None and culprit.necessary.verdict is Verdict.AGREES and felt:
            words = f"{self._words(others, sites)}: the gradients of {listed(felt)} are off"
            return dataclasses.replace(culprit, sufficient=None, necessary=Proof(words, Verdict.DIVERGES), felt=False)
        return culprit

    def _hidden(self, group: _Group, others: Sequence[_Group]) -> bool:
        """Tell whether all that a group gets wrong goes to code that is put right with the others: it cannot be seen beside them."""
        severed = {site for other in others for site in other.severed}

        def ends(row: PulledAt) -> bool:
            around = self.trace.chain(Site(row.site))
            return bool(severed & set(around if row.part == "output" else around[1:2])) and row.part != "state"

        return bool(group.rows) and all(ends(row) for row in group.rows)

    def _gradients(self) -> Gradients:
        assert self.pair.reference.gradients is not None
        return self.pair.reference.gradients

    def _with(self, groups: Sequence[_Group], pulled: Sequence[Site]) -> Reading:
        what = f"{_names(groups)} put right" if groups else "nothing put right"
        end = what + (f", {listed(sorted(pulled))} pulled" if pulled else "")
        return _whole(self._asked(groups), self.trace, [self.right, *groups], end, pulled)

    def _asked(self, groups: Sequence[_Group]) -> Question:
        """Return the question with what the port has no parameters for counted as the reference's."""
        given = frozenset(name for group in groups for name in group.given)
        return gradient_question(self.question, self.pair.reference, given)

    def _words(self, others: Sequence[_Group], sites: Sequence[Site]) -> str:
        rest = f"{_names(others)} put right" if others else "all else as it is"
        return f"{rest}, the reference's gradient at the output of {listed(sites)}" if sites else rest


def _names(groups: Sequence[_Group]) -> str:
    return listed([site for group in groups for site in group.sites])


def _silencing(
    question: Question,
    pair: Pair,
    gradients: Gradients,
    whole: Reading,
    own: Reading,
    constants: list[Finding],
) -> list[Culprit]:
    """Return initial values that keep the gradient from others: the port's own, where the reference's let it pass."""
    known = silent(reference_kinds(pair.reference, gradients)) | silent(port_kinds(gradients, whole.gradients))

    def silenced(reading: Reading) -> set[str]:
        return silent(port_kinds(gradients, reading.gradients)) - known

    fits = {a.name for a, b in pair.state() if a.shape == b.shape}
    sites = [Site(site) for finding in constants for site in finding.sites if site in fits]
    lost = silenced(own)
    if not lost or not sites:
        return []

    def said(reading: Reading, what: str) -> Proof:
        left = silenced(reading)
        verdict = Verdict.UNRESOLVED if reading.failure else (Verdict.DIVERGES if left else Verdict.AGREES)
        return Proof(f"{what}: {counted(len(left), 'parameter')} without a gradient", verdict)

    others = sorted(set(question.base.patched) - set(sites))
    healed = _own(question, sites, f"{listed(sites)} the reference's")
    necessary = _own(question, [Site(s) for s in others], f"everything but {listed(sites)} the reference's")
    message = f"{counted(len(lost), 'parameter')} get no gradient at the start: {listed(sorted(lost))}"
    return [
        SilencingStart(
            sites=tuple(sites),
            sufficient=said(healed, "these alone the reference's"),
            necessary=said(necessary, "everything else the reference's"),
            findings=(*constants, Finding("silenced", tuple(sorted(lost)), message)),
        )
    ]


def _triage(
    pair: Pair, gradients: Gradients, whole: Reading, own: Reading
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    ours = reference_kinds(pair.reference, gradients)
    theirs = port_kinds(gradients, own.gradients)
    said = words(pair.reference, ours, theirs, "with its own weights")
    straight = port_kinds(gradients, whole.gradients)
    if silent(straight) != silent(theirs):
        said += words(pair.reference, ours, straight, "with the reference's weights")[:1]
    return table(ours, theirs), tuple(said)


def _search(case: Case) -> Answer:
    """Compare gradients where the capture has any; calls that are wrong on the way forward are left out."""
    gradients = case.capture.manifest.gradients
    if gradients is None or case.target is not None:
        return Answer()
    calls = case.answer(CallsAnswer)
    if calls is None or calls.forced is None or calls.forced.reading.failure is not None:
        return GradientAnswer(open_ends=("gradients cannot be compared before the port runs with every layer patched",))
    target = case.gradient_target or ALL
    interval = gradient_interval(case.capture.manifest, gradients, target)
    question = Question("gradients", case.port, case.log, target, interval, Intervention(frozenset(case.state)))
    question = gradient_question(question, case.capture.manifest)
    wrong = {*calls.forced.suspects, *calls.forced.fed_wrong.values(), *(s for c in calls.culprits for s in c.sites)}
    if case.after_the_layers:
        wrong.add(STEP)
    found = search_gradients(question, case.trace, case.pair, gradients, sorted(wrong), list(case.initial))
    if "statements" not in case.port.capabilities:
        return found
    culprits = with_backward_lines(found.culprits, case.port, case.capture, question, case.trace)
    return dataclasses.replace(found, culprits=culprits)


GRADIENTS = Axis("gradients", frozenset({"gradients"}), "gradients were not compared", _search)
