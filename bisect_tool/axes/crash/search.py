"""The axis of crashes: a port that raises as it is was asked as far as it runs, and this says how far that is.

Nothing is proved here. The layers that it came through were judged by the axis of calls; the targets stay unknown.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.crash.kinds import of_another_kind, read_where_it_raises
from bisect_tool.checks.preflight.sizes import explained_text, row_counts
from bisect_tool.questions.crash import Crash
from bisect_tool.sentences import crash as sentences
from bisect_tool.sites import module_of

MOST_KINDS = 3


@dataclass(frozen=True, kw_only=True)
class CrashAnswer(Answer):
    """How the port raises, in a sentence that comes first whatever else was found."""

    headline: str


def _search(case: Case) -> Answer:
    crash = case.log.crash
    if crash is None:
        return Answer()
    kinds = list(itertools.islice(_other_kinds(case), MOST_KINDS))
    why = explained_text(crash.words, row_counts(case.capture.manifest))
    return CrashAnswer(
        headline=_headline(case, crash, kinds[:1]),
        open_ends=(sentences.does_not_end(crash.words, why),),
        notes=tuple(map(sentences.also_of_another_kind, kinds[1:])),
    )


def _other_kinds(case: Case) -> list[str]:
    manifest = case.capture.manifest
    if "survey" not in case.port.capabilities or not manifest.variables:
        return []
    survey = case.port.asides.survey(case.question.base, to_a_crash=True)
    return list(of_another_kind(manifest, read_where_it_raises(survey), case.port.port_call, case.base.calls))


def _headline(case: Case, crash: Crash, kinds: list[str]) -> str:
    failed, calls = (
        crash.failed,
        [entry.site for entry in case.capture.manifest.sites],
    )  # in the order in which they end
    through = [call for call in calls if call in crash.calls]
    # A module may be called fewer times in the port: of it no call is known to be missing.
    known = {module_of(call) for call in through}
    missed = next((call for call in calls if module_of(call) not in known and case.port.can_patch(call)), None)
    where = None if failed.where is None else Path(failed.where).name
    said = (
        f"{sentences.raises(failed.type, failed.message, where)}, {sentences.after(len(through), len(calls), missed)}"
    )
    more = [] if case.base.failed is not None else [sentences.not_with_the_reference_weights()]
    return _sentence("; ".join([said, *more, *_layers(case, through), *kinds]))


def _layers(case: Case, through: Sequence[str]) -> list[str]:
    """Say that the layers agree that the port came through, where all of them that were compared do."""
    calls = case.answer(CallsAnswer)
    judged = None if calls is None else calls.judged
    compared = [] if judged is None else [call for call in judged.compared if call in through]
    if judged is None or not compared or not judged.innocent.issuperset(compared):
        return []
    return [sentences.layers_agree(len(compared), len(through), case.lost)]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


CRASH = Axis("crash", frozenset({"run"}), "where the port raises was not looked at", _search)
