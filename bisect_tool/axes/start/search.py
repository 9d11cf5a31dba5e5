"""Ask whether the port starts the same with its own weights, and if not, which parameters are to blame."""

from __future__ import annotations

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.start.felt import search_start
from bisect_tool.axes.start.unfelt import search_fixed, search_silent
from bisect_tool.checks.initial.laws import laws
from bisect_tool.checks.initial.start import unlike
from bisect_tool.culprit import AfterTheLayers, held_by
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import start


def _search(case: Case) -> Answer:
    """Find the initial values that make the target start elsewhere, once the code is right or held."""
    if case.start is None or case.target is None:
        return Answer()
    calls = case.answers["calls"]
    held = held_by(calls.culprits)
    if calls.open_ends or any(isinstance(c, AfterTheLayers) and c.felt for c in calls.culprits):
        return Answer(open_ends=(start.CODE_COMES_FIRST,))
    if held and not case.initial:  # held values come of other weights: such a net is none of the spread's
        return Answer(open_ends=(start.CODE_IS_HELD,))
    question = Question("start", case.port, case.log, case.target, case.start, Intervention(frozenset(held)))
    own = question.ask("start", start.CULPRITS_HELD) if held else case.own
    verdict = question.verdict(own)
    if verdict is Verdict.UNRESOLVED:
        return Answer(open_ends=(start.fails_as_it_is(own.failure),))
    return _other_start(case, question, own) if verdict is Verdict.DIVERGES else _unfelt(case, question)


def _other_start(case: Case, question: Question, own: Reading) -> Answer:
    """Find what makes the target start elsewhere; where nothing is proved and nothing differs, it is a rare draw."""
    differing = unlike(case.pair)
    found = search_start(question, case.state, case.initial, case.trace, unlike=differing)
    known = found.open_ends or case.initial or differing or laws(case.pair)
    if known or any(culprit.confirmed for culprit in found.culprits):
        return found
    reach = question.interval
    value = own.targets[question.target]
    return Answer(notes=(start.rare_draw(question.target, value, reach.low, reach.high, reach.origin),))


def _unfelt(case: Case, question: Question) -> Answer:
    """Find what starts otherwise in kind although the target starts the same."""
    silent = search_silent(question, case.state, case.initial, case.trace)
    fixed = search_fixed(question, case.state, case.initial, case.trace)
    return Answer(culprits=tuple(culprit for culprit in (silent, fixed) if culprit is not None))


START = Axis("start", frozenset({"run"}), "whether it starts the same was not asked", _search)
