"""The initial values that make the target start elsewhere: the smallest set that brings it back."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from bisect_tool.axes.axis import Answer
from bisect_tool.axes.start.state_tree import StateTree
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.questions.question import Question
from bisect_tool.search.ddmin import ddmin, descend
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import labels, start
from bisect_tool.sites import Site, parent_of
from bisect_tool.wrong_start import WrongStart


def search_start(
    question: Question, state: Sequence[Site], suspects: Sequence[Finding], trace: Trace, *, unlike: Sequence[str] = ()
) -> Answer:
    """Find the smallest set of tensors that brings the target back into the reference's spread over seeds.

    The port as it is must diverge. ``suspects`` are initialisations that differ in kind, ``unlike`` tensors whose
    statistics differ: they are tried first, and what is called before them is not computed again in every probe.
    """
    healed = question.ask("start", labels.REFERENCE_WEIGHTS, state)
    if healed.failure is not None:
        return Answer(open_ends=(start.fails(labels.REFERENCE_WEIGHTS, healed.failure),))
    if question.verdict(healed) is not Verdict.AGREES:
        return Answer(open_ends=(start.SPREAD_IS_LEFT,))
    tree = StateTree(tuple(state))
    suspected = [name for finding in suspects for name in finding.sites]
    found, searched = _smallest(question, tree, (suspected, unlike), trace)
    # Asked before, all of them: a probe that failed is no proof that a tensor is needed.
    doubtful = [
        name
        for name in found
        if len(found) > 1 and _test(searched, tree, frozenset(found) - {name}) is Verdict.UNRESOLVED
    ]
    sites = tuple(site for site in state if site in found)
    return _proved(question, state, sites, [f for f in suspects if set(f.sites) & set(sites)], doubtful)


def _test(question: Question, tree: StateTree, nodes: frozenset[str]) -> Verdict:
    return question.test("start", start.named(sorted(nodes)), tree.leaves(nodes))


def _smallest(
    question: Question, tree: StateTree, guesses: Sequence[Sequence[str]], trace: Trace
) -> tuple[list[str], Question]:
    """Return a 1-minimal set of tensors that heals the target, and the question that it was found by.

    The first of the ``guesses`` that heals it is cut down; where none does, the whole tree is searched.
    """
    state = frozenset(tree.state)
    for names in guesses:
        suspected = [name for name in names if name in state]
        before = trace.untouched_by({parent_of(name) for name in suspected})
        partly = dataclasses.replace(question, base=question.base.keeping(before - question.base.patched))
        test = functools.partial(_test, partly, tree)
        if suspected and test(frozenset(suspected)) is Verdict.AGREES:
            return ddmin(suspected, test), partly
    return descend(tree.tops(), tree.children, functools.partial(_test, question, tree)), question


def _proved(
    question: Question,
    state: Sequence[Site],
    sites: tuple[Site, ...],
    findings: Sequence[Finding],
    doubtful: Sequence[str],
) -> Answer:
    """Return the culprit with its two proofs; of ``doubtful`` tensors it is not known whether they are needed."""
    alone = question.ask("confirm", start.THESE_ALONE, sites)
    rest = question.ask("confirm", start.ALL_BUT_THESE, [s for s in state if s not in sites])
    culprit = WrongStart(
        sites=sites,
        sufficient=question.proof(start.patched(start.THESE_ALONE), alone),
        necessary=None if doubtful else question.proof(start.patched(start.ALL_OTHERS), rest),
        findings=tuple(findings),
    )
    open_ends = [
        start.fails(what, reading.failure)
        for what, reading in ((start.THESE_ALONE, alone), (start.ALL_BUT_THESE, rest))
        if reading.failure is not None
    ]
    if doubtful:
        open_ends.append(start.perhaps_not_needed(doubtful))
    return Answer(culprits=(culprit,), open_ends=tuple(open_ends))
