"""The line that calls a layer and hands it something wrong, where what it hands on has no counterpart on the other side."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.culprit import Culprit, Line
from bisect_tool.finding import Finding
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import Site, variable_of


def with_calling_line(culprit: Culprit, feed: Site, probes: LineProbes) -> Culprit:
    """Return a culprit with the line of its code that calls ``feed``, and those that this rests on.

    It has no probe of its own: that the call is handed something wrong is what the culprit is proved by. Where it shows with
    other weights only, nothing is clear but what the code is handed. The culprit as it is where the line cannot be told.
    """
    survey = probes.lines.survey
    statement = survey.next_after.get(feed)
    if statement is None or statement.around != culprit.sites[0]:
        return culprit
    excerpt = survey.excerpts.get(statement.place)
    shows = probes.verdict(probes.free) is Verdict.DIVERGES
    unclear = probes.unclear_to(statement, probes.is_clear if shows else probes.is_given)
    read = list(dict.fromkeys((variable_of(v.site), probes.stands_at(v)) for v in unclear))
    found = Finding("line", (feed,), sentences.called_at(feed, statement.place, read))
    places = dict.fromkeys(place for _, place in read if place != statement.place)
    line = Line(None, excerpt, tuple(places))
    return dataclasses.replace(culprit, findings=(*culprit.findings, found), line=line)


def with_callers_of(culprit: Culprit, one_sided: Collection[Site], probes: LineProbes) -> Culprit:
    """Return a culprit whose line also rests on those that call some of its pieces, which are handed something ``one_sided``."""
    survey, line = probes.lines.survey, culprit.line
    if line is None:
        return culprit
    places = dict.fromkeys(survey.next_after[site].place for site in sorted(one_sided) if site in survey.next_after)
    more = [place for place in places if place not in line.places]
    return dataclasses.replace(culprit, line=dataclasses.replace(line, unclear=(*more, *line.unclear)))
