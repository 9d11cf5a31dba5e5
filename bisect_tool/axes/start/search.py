"""Ask whether the port starts the same with its own weights, and if not, which parameters are to blame."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.checks.initial.laws import laws
from bisect_tool.checks.initial.start import NOT_LOADED, unlike
from bisect_tool.culprit import AfterTheLayers, ConstantStart, NotLoaded, WrongStart, held_by
from bisect_tool.finding import Finding, listed
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import error_of, floor_of
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.search.ddmin import ddmin, descend
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site, parent_of

OTHERS = "every other parameter and buffer patched"


@dataclass(frozen=True)
class StateTree:
    """Parameters and buffers along the module tree; a node is a module's name or a tensor's."""

    state: tuple[Site, ...]
    _children: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.state:
            node = str(name)
            while node:
                around = parent_of(node)
                siblings = self._children.setdefault(around, [])
                if node not in siblings:
                    siblings.append(node)
                node = around

    def tops(self) -> list[str]:
        """Return the highest modules that have more than one part: 'model.0' ... 'model.23', not 'model' alone."""
        level = self._children.get("", [])
        while len(level) == 1 and self.children(level[0]):
            level = self.children(level[0])
        return list(level)

    def children(self, node: str) -> list[str]:
        """Return what lies directly in a node; nothing for a tensor. A chain of only children is passed over."""
        below = self._children.get(node, [])
        while len(below) == 1 and self._children.get(below[0]):
            below = self._children[below[0]]
        return list(below)

    def leaves(self, nodes: Iterable[str]) -> list[Site]:
        """Return the tensors in some nodes."""
        wanted = tuple(nodes)
        return [n for n in self.state if any(n == w or n.startswith(w + ".") for w in wanted)]


def search_start(
    question: Question, state: Sequence[Site], suspects: Sequence[Finding], trace: Trace, *, unlike: Sequence[str] = ()
) -> Answer:
    """Find the smallest set of tensors that brings the target back into the reference's spread over seeds.

    The port as it is must diverge. ``suspects`` are initialisations that differ in kind, ``unlike`` tensors whose
    statistics differ: they are tried first, and what is called before them is not computed again in every probe.
    """
    tree = StateTree(tuple(state))
    healed = question.ask("start", "all parameters and buffers", state)
    if healed.failure is not None:
        return Answer(open_ends=(f"the port fails with all parameters and buffers patched: {healed.failure}",))
    if question.verdict(healed) is not Verdict.AGREES:
        return Answer(
            open_ends=("with all parameters and buffers the reference's, the target still leaves the spread",)
        )

    def test(nodes: frozenset[str], asked: Question = question) -> Verdict:
        patched = tree.leaves(nodes)
        return asked.test("start", _named(sorted(nodes)), patched)

    searched = question
    for names in ([site for finding in suspects for site in finding.sites], unlike):
        suspected = [name for name in names if name in set(state)]
        before = trace.untouched_by({parent_of(name) for name in suspected})
        partly = dataclasses.replace(question, base=question.base.keeping(before - question.base.patched))
        if suspected and test(frozenset(suspected), partly) is Verdict.AGREES:
            searched = partly
            found = ddmin(suspected, functools.partial(test, asked=partly))
            break
    else:
        found = descend(tree.tops(), tree.children, test)
    # Asked before, all of them: a probe that failed is no proof that a tensor is needed.
    doubtful = [n for n in found if len(found) > 1 and test(frozenset(found) - {n}, searched) is Verdict.UNRESOLVED]
    sites = tuple(Site(name) for name in sorted(found, key=lambda name: list(state).index(Site(name))))
    alone = question.ask("confirm", "these alone", sites)
    rest = question.ask("confirm", "everything but these", [s for s in state if s not in sites])
    culprit = WrongStart(
        sites=sites,
        sufficient=question.proof("these alone patched", alone),
        necessary=None if doubtful else question.proof(OTHERS, rest),
        findings=tuple(f for f in suspects if set(f.sites) & set(sites)),
    )
    open_ends = [
        f"the port fails with {what} patched: {reading.failure}"
        for what, reading in (("these alone", alone), ("everything but these", rest))
        if reading.failure is not None
    ]
    if doubtful:
        open_ends.append(f"whether {listed(doubtful)} must be right too: the port fails with the others alone")
    return Answer(culprits=(culprit,), open_ends=tuple(open_ends))


def search_fixed(
    question: Question,
    state: Sequence[Site],
    suspects: Sequence[Finding],
    owners: Mapping[str, Site],
    floors: Callable[[Site], float],
) -> Answer:
    """Prove tensors that a port which loads weights has otherwise, although the target does not feel them.

    The proof is their own layer's output, wrong from the reference's inputs. ``owners`` maps a tensor to the first call of
    its module, ``floors`` is what rounding explains in a call. What cannot be proved so stays a preflight finding.
    """
    lost = {Site(f.sites[0]): f for f in suspects if f.check == NOT_LOADED and f.sites[0] in owners}
    if not lost:
        return Answer()
    watched = sorted({owners[site] for site in lost})
    rest = [site for site in state if site not in lost]
    own = question.observe("confirm", f"everything but {_named(list(lost))}", rest, watched, fed=watched)
    healed = question.observe("confirm", "all parameters and buffers", state, watched, fed=watched)
    wrong = {
        site for site in lost if error_of(own, owners[site]) > floors(owners[site]) >= error_of(healed, owners[site])
    }
    proven = tuple(site for site in lost if site in wrong)
    if not proven:
        return Answer()
    first = owners[proven[0]]
    culprit = NotLoaded(
        sites=proven,
        sufficient=Proof(
            f"all parameters and buffers patched: from the reference's inputs {first} is off by "
            f"{error_of(healed, first):.1e}",
            Verdict.AGREES,
        ),
        necessary=Proof(
            f"all but these patched: from the reference's inputs {first} is off by {error_of(own, first):.2g}",
            Verdict.DIVERGES,
        ),
        findings=tuple(lost[site] for site in proven),
        felt=False,
    )
    return Answer(culprits=(culprit,))


def search_silent(question: Question, suspects: Sequence[Finding], owners: Mapping[str, Site]) -> Answer:
    """Prove tensors that start as a constant where the reference's are random, although the target does not feel it.

    The proof is their own layer's output: constant as it is, and not constant once they are patched. ``owners``
    maps a tensor to the first call of its module. What cannot be proved so stays a preflight finding.
    """
    constant = [f for f in suspects if "random at every seed" in f.message and f.sites[0] in owners]
    if not constant:
        return Answer()
    watched = sorted({owners[f.sites[0]] for f in constant})
    sites = [Site(f.sites[0]) for f in constant]
    own = question.observe("confirm", "as it is", (), watched)
    healed = question.observe("confirm", _named(sites), sites, watched)
    proven = [f for f in constant if _variation(own, owners[f.sites[0]]) == 0 < _variation(healed, owners[f.sites[0]])]
    if not proven:
        return Answer()
    proven_sites = tuple(Site(f.sites[0]) for f in proven)
    first = owners[proven_sites[0]]
    culprit = ConstantStart(
        sites=proven_sites,
        sufficient=Proof(f"these alone patched: {first} varies (by {_variation(healed, first):.3g})", Verdict.AGREES),
        necessary=Proof(f"nothing patched: {first} is one constant at every place", Verdict.DIVERGES),
        findings=tuple(proven),
        felt=False,
    )
    return Answer(culprits=(culprit,))


def _variation(reading: Reading, site: Site) -> float:
    watched = reading.watched.get(site)
    return max((c.variation or 0.0 for c in watched.output), default=0.0) if watched else 0.0


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} ... {names[-1]} ({len(names)})"


def _search(case: Case) -> Answer:
    """Find the initial values that make the target start elsewhere, once the code is right or held."""
    if case.start is None or case.target is None:
        return Answer()
    calls = case.answers["calls"]
    held = held_by(calls.culprits)
    if calls.open_ends or any(isinstance(c, AfterTheLayers) and c.felt for c in calls.culprits):
        return Answer(open_ends=("whether it starts the same cannot be asked before the code is right",))
    if held and not case.initial:  # held values come of other weights: such a net is none of the spread's
        return Answer(open_ends=("whether it starts the same can be asked once the code is right",))
    question = Question("start", case.port, case.log, case.target, case.start, Intervention(frozenset(held)))
    own = question.ask("start", "culprits held, own weights") if held else case.own
    verdict = question.verdict(own)
    if verdict is Verdict.UNRESOLVED:
        return Answer(open_ends=(f"the port fails with its own weights: {own.failure}",))
    return _other_start(case, question, own) if verdict is Verdict.DIVERGES else _unfelt(case, question)


def _other_start(case: Case, question: Question, own: Reading) -> Answer:
    differing = unlike(case.pair)
    found = search_start(question, case.state, case.initial, case.trace, unlike=differing)
    known = found.open_ends or case.initial or differing or laws(case.pair)
    if known or any(culprit.confirmed for culprit in found.culprits):
        return found
    return Answer(notes=(_rare_draw(question, own),))


def _unfelt(case: Case, question: Question) -> Answer:
    trace = case.trace
    owners = {str(name): Site(parent_of(name)) for name in case.state if parent_of(name) in trace.members}
    silent = search_silent(question, case.initial, owners)
    fixed = search_fixed(question, case.state, case.initial, owners, functools.partial(floor_of, trace))
    return Answer(culprits=(*silent.culprits, *fixed.culprits))


def _rare_draw(question: Question, own: Reading) -> str:
    reach = question.interval
    return (
        f"{question.target} starts at {own.targets[question.target]:.6g}, outside {reach.low:.6g} to {reach.high:.6g} "
        f"({reach.origin}); yet every parameter starts by the reference's law, and no part of them explains it: "
        "a rare draw (`bisect capture --seeds 32` tells more)"
    )


START = Axis("start", frozenset({"run"}), "whether it starts the same was not asked", _search)
