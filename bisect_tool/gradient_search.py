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

from bisect_tool.backward_pass import Pieces, pull_pieces, whole_pass
from bisect_tool.captures.manifest import Gradients
from bisect_tool.culprit import Culprit, Proof
from bisect_tool.diagnosis.gradient_words import gradient_findings
from bisect_tool.diagnosis.pair import Pair
from bisect_tool.diagnosis.triage import port_kinds, reference_kinds, silent, table, words
from bisect_tool.finding import Finding, counted, listed
from bisect_tool.probes.gradient_targets import NORM, reference_norm, with_gradient_targets
from bisect_tool.probes.intervention import Intervention, PulledAt, Reading
from bisect_tool.questions import Question, run_logged
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site
from bisect_tool.trace import Trace


@dataclass(frozen=True)
class GradientAnswer:
    """What was found of gradients.

    Attributes: ``culprits``, ``open_ends``; ``triage`` (who gets a gradient, module by module) and ``said`` of it; ``norms``
    of all gradients: the reference's, the port's with the reference's weights and with its own.
    """

    culprits: tuple[Culprit, ...] = ()
    open_ends: tuple[str, ...] = ()
    triage: list[dict[str, Any]] = field(default_factory=list)
    said: tuple[str, ...] = ()
    norms: tuple[float | None, float | None, float | None] = (None, None, None)
    agrees: bool = False


@dataclass(frozen=True)
class _Group:
    """What is one culprit: calls whose own code is wrong in the same way, or parameters that take no gradient."""

    sites: tuple[Site, ...]
    patched: tuple[Site, ...] = ()
    pulled: tuple[Site, ...] = ()
    thawed: tuple[Site, ...] = ()
    given: tuple[Site, ...] = ()  # the port has no such parameter: nothing can be patched, only counted
    findings: tuple[Finding, ...] = ()


def search_gradients(
    question: Question, trace: Trace, pair: Pair, gradients: Gradients, wrong: Sequence[Site], constants: list[Finding]
) -> GradientAnswer:
    """Compare every gradient, and find what makes them wrong.

    ``question`` judges the target of gradients; ``wrong`` are the calls that are wrong on the way forward already, which
    are not judged; ``constants`` the initial values that are constant on one side only.
    """
    whole = whole_pass(question, "the port's own backward pass")
    own = _own(question)
    if whole.failure is not None or own.failure is not None:
        return GradientAnswer(open_ends=(f"the port's backward pass fails: {whole.failure or own.failure}",))
    pieces = pull_pieces(question, trace, gradients)
    if pieces.reading.failure is not None:
        return GradientAnswer(open_ends=(f"the backward pass by pieces fails: {pieces.reading.failure}",))
    groups = [*_groups(pieces, trace, wrong, _batch_size(pair)), *_left_out(pair, gradients, whole)]
    proof = _Proof(question, trace, pair, tuple(groups))
    culprits = [proof.culprit(group) for group in groups]
    if not groups or all(c.confirmed for c in culprits):
        culprits += _silencing(question, pair, gradients, whole, own, constants)
    verdict = question.verdict(whole)
    open_ends = []
    if verdict is Verdict.DIVERGES and not culprits and not wrong:
        open_ends.append(
            f"{question.target} diverges in the port's whole backward pass, yet every call pulled back by itself is right: "
            "gradients are lost or made between the calls, or rounding adds up"
        )
    triage, said = _triage(pair, gradients, whole, own)
    return GradientAnswer(
        tuple(culprits),
        tuple(open_ends),
        triage,
        said,
        (reference_norm(pair.reference, gradients), whole.targets.get(NORM), own.targets.get(NORM)),
        agrees=verdict is Verdict.AGREES and not culprits,
    )


def _own(question: Question, patched: Sequence[Site] = (), what: str = "a backward pass as it is") -> Reading:
    return run_logged(
        question.port,
        question.log,
        Intervention(frozenset(patched), backward="own"),
        "backward",
        what,
        question.target,
        lambda reading: Verdict.UNRESOLVED if reading.failure else Verdict.AGREES,
        patched=len(patched),
    )


def _batch_size(pair: Pair) -> int:
    sizes = [entry.shape[0] for entry in pair.reference.described.batch if len(entry.shape) == 4]
    return sizes[0] if sizes else 0


def _groups(pieces: Pieces, trace: Trace, wrong: Sequence[Site], batch: int) -> list[_Group]:
    """Put calls together whose own code is wrong, where they are of the same classes and lose the same kinds of gradients."""
    found: dict[object, list[Site]] = {}
    for owner, rows in pieces.off.items():
        if owner in wrong:
            continue
        kin = (
            STEP
            if owner == STEP
            else (trace.classes.get(owner.partition("#")[0]), tuple(sorted({_way(r) for r in rows})))
        )
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
    if list(owners) == [STEP]:
        return _Group((STEP,), pulled=tuple(trace.outermost(trace.sites)), findings=tuple(findings))
    return _Group(tuple(owners), patched=tuple(owners), findings=tuple(findings))


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
        found.append(_Group(tuple(frozen), thawed=tuple(frozen), findings=(Finding("frozen", tuple(frozen), message),)))
    if lost:
        message = f"{listed(lost)}: not among the port's parameters, so that nothing trains {'it' if len(lost) == 1 else 'them'}"
        found.append(
            _Group(tuple(lost), given=tuple(lost), findings=(Finding("not registered", tuple(lost), message),))
        )
    return found


@dataclass(frozen=True)
class _Proof:
    """Whole backward passes that prove the culprits."""

    question: Question
    trace: Trace
    pair: Pair
    groups: tuple[_Group, ...]

    def culprit(self, group: _Group) -> Culprit:
        """Return a group as a culprit, with its two probes."""
        others = [other for other in self.groups if other is not group]
        healed = self._with(self.groups, "all culprits", ())
        sites = [s for s in group.sites if s in self.trace.sites]
        before = self._with(others, "the others" if others else "nothing", sites)
        culprit = Culprit(
            "gradient",
            group.sites,
            (*group.patched, *group.pulled, *group.thawed, *group.given),
            sufficient=self._said(healed, f"{_names(self.groups)} passing the reference's gradients back"),
            necessary=self._said(before, self._words(group, others)),
            findings=group.findings,
        )
        if culprit.necessary is not None and culprit.necessary.verdict is Verdict.AGREES and group.patched:
            own = Proof("pulled back by itself, from the reference's inputs and gradients", None, Verdict.DIVERGES)
            return dataclasses.replace(culprit, sufficient=None, necessary=own, silent=True)
        return culprit

    def _with(self, groups: Sequence[_Group], what: str, pulled: Sequence[Site]) -> Reading:
        given = {name for group in groups for name in group.given}
        patched = {site for group in groups for site in group.patched}
        patched = {site for site in patched if not set(self.trace.chain(site)[1:]) & patched}
        at = {site for group in groups for site in group.pulled} - patched | (set(pulled) - patched)
        thawed = [site for group in groups for site in group.thawed]
        end = f"{what} given the reference's gradients" + (f", {listed(sorted(pulled))} pulled" if pulled else "")
        reading = whole_pass(self.question, end, patched=patched, pulled=at, thawed=thawed)
        return with_gradient_targets(reading, self.pair.reference, frozenset(given))

    def _words(self, group: _Group, others: Sequence[_Group]) -> str:
        rest = f"{_names(others)} right" if others else "all else as it is"
        return f"{rest}, the reference's gradient at the output of {listed(group.sites)}" if group.patched else rest

    def _said(self, reading: Reading, what: str) -> Proof:
        return Proof(what, reading.targets.get(self.question.target), self.question.verdict(reading))


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
        return Proof(f"{what}: {counted(len(left), 'parameter')} without a gradient", None, verdict)

    others = sorted(set(question.base.patched) - set(sites))
    healed = _own(question, sites, f"{listed(sites)} the reference's")
    necessary = _own(question, [Site(s) for s in others], f"everything but {listed(sites)} the reference's")
    message = f"{counted(len(lost), 'parameter')} get no gradient at the start: {listed(sorted(lost))}"
    return [
        Culprit(
            "values",
            tuple(sites),
            tuple(sites),
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
