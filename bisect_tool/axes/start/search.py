"""Ask whether the port starts the same with its own weights, and if not, which parameters are to blame."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.checks.initial.start import NOT_LOADED
from bisect_tool.culprit import Culprit, Proof, proof
from bisect_tool.finding import Finding, listed
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import error_of
from bisect_tool.questions.question import Question
from bisect_tool.search.ddmin import ddmin, descend
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site, parent_of

OTHERS = "every other parameter and buffer patched"


@dataclass(frozen=True)
class StartAnswer:
    """What the values search found: at most one AND-set.

    Attributes: ``open_ends`` (what it could not settle, in words), ``said`` (what accuses nobody).
    """

    culprits: tuple[Culprit, ...] = ()
    open_ends: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


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
) -> StartAnswer:
    """Find the smallest set of tensors that brings the target back into the reference's spread over seeds.

    The port as it is must diverge. ``suspects`` are initialisations that differ in kind, ``unlike`` tensors whose
    statistics differ: they are tried first, and what is called before them is not computed again in every probe.
    """
    tree = StateTree(tuple(state))
    healed = question.ask("start", "all parameters and buffers", state)
    if healed.failure is not None:
        return StartAnswer(open_ends=(f"the port fails with all parameters and buffers patched: {healed.failure}",))
    if question.verdict(healed) is not Verdict.AGREES:
        return StartAnswer(
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
    culprit = Culprit(
        "values",
        sites,
        sites,
        None,
        proof(question.verdict(alone), alone, question.target, "these alone patched"),
        None if doubtful else proof(question.verdict(rest), rest, question.target, OTHERS),
        tuple(f for f in suspects if set(f.sites) & set(sites)),
    )
    open_ends = [
        f"the port fails with {what} patched: {reading.failure}"
        for what, reading in (("these alone", alone), ("everything but these", rest))
        if reading.failure is not None
    ]
    if doubtful:
        open_ends.append(f"whether {listed(doubtful)} must be right too: the port fails with the others alone")
    return StartAnswer((culprit,), tuple(open_ends))


def search_fixed(
    question: Question,
    state: Sequence[Site],
    suspects: Sequence[Finding],
    owners: Mapping[str, Site],
    floors: Callable[[Site], float],
) -> StartAnswer:
    """Prove tensors that a port which loads weights has otherwise, although the target does not feel them.

    The proof is their own layer's output, wrong from the reference's inputs. ``owners`` maps a tensor to the first call of
    its module, ``floors`` is what rounding explains in a call. What cannot be proved so stays a preflight finding.
    """
    lost = {Site(f.sites[0]): f for f in suspects if f.check == NOT_LOADED and f.sites[0] in owners}
    if not lost:
        return StartAnswer()
    watched = sorted({owners[site] for site in lost})
    rest = [site for site in state if site not in lost]
    own = question.ask("confirm", f"everything but {_named(list(lost))}", rest, watched, fed=watched)
    healed = question.ask("confirm", "all parameters and buffers", state, watched, fed=watched)
    wrong = {
        site for site in lost if error_of(own, owners[site]) > floors(owners[site]) >= error_of(healed, owners[site])
    }
    proven = tuple(site for site in lost if site in wrong)
    if not proven:
        return StartAnswer()
    first = owners[proven[0]]
    culprit = Culprit(
        "values",
        proven,
        proven,
        None,
        Proof(
            f"all parameters and buffers patched: from the reference's inputs {first} is off by "
            f"{error_of(healed, first):.1e}",
            None,
            Verdict.AGREES,
        ),
        Proof(
            f"all but these patched: from the reference's inputs {first} is off by {error_of(own, first):.2g}",
            None,
            Verdict.DIVERGES,
        ),
        tuple(lost[site] for site in proven),
        silent=True,
    )
    return StartAnswer((culprit,))


def search_silent(question: Question, suspects: Sequence[Finding], owners: Mapping[str, Site]) -> StartAnswer:
    """Prove tensors that start as a constant where the reference's are random, although the target does not feel it.

    The proof is their own layer's output: constant as it is, and not constant once they are patched. ``owners``
    maps a tensor to the first call of its module. What cannot be proved so stays a preflight finding.
    """
    constant = [f for f in suspects if "random at every seed" in f.message and f.sites[0] in owners]
    if not constant:
        return StartAnswer()
    watched = sorted({owners[f.sites[0]] for f in constant})
    sites = [Site(f.sites[0]) for f in constant]
    own = question.ask("confirm", "as it is", (), watched)
    healed = question.ask("confirm", _named(sites), sites, watched)
    proven = [f for f in constant if _variation(own, owners[f.sites[0]]) == 0 < _variation(healed, owners[f.sites[0]])]
    if not proven:
        return StartAnswer()
    proven_sites = tuple(Site(f.sites[0]) for f in proven)
    first = owners[proven_sites[0]]
    culprit = Culprit(
        "values",
        proven_sites,
        proven_sites,
        None,
        Proof(
            f"these alone patched: {first} varies (by {_variation(healed, first):.3g})",
            healed.targets.get(question.target),
            Verdict.AGREES,
        ),
        Proof(
            f"nothing patched: {first} is one constant at every place",
            own.targets.get(question.target),
            Verdict.DIVERGES,
        ),
        tuple(proven),
        silent=True,
    )
    return StartAnswer((culprit,))


def _variation(reading: Reading, site: Site) -> float:
    watched = reading.watched.get(site)
    return max((c.variation or 0.0 for c in watched.output), default=0.0) if watched else 0.0


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} ... {names[-1]} ({len(names)})"
