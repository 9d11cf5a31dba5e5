"""What one probe shows of a target with the reference's values of tensors that differ: it is said, and proves nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.checks.initial.seeds import told_by_name
from bisect_tool.checks.initial.start import unlike
from bisect_tool.culprit import Culprit
from bisect_tool.finding import Finding
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question
from bisect_tool.sentences import start
from bisect_tool.sites import Site
from bisect_tool.wrong_start import OtherStart


def with_what_is_felt(case: Case, culprits: Sequence[OtherStart], *, code_is_right: bool) -> list[Culprit]:
    """Add what the target becomes with all of them put right: it may feel them, and start where it may all the same.

    Where it may start is known only of a port whose code is right.
    """
    known, target = set(case.state), case.target
    sites = [site for culprit in culprits for site in culprit.sites if site in known]
    if not sites or target is None or target not in case.starts:
        return list(culprits)
    healed, interval = _given(case, target, sites, judged=code_is_right), case.starts[target]
    reach = (interval.low, interval.high) if code_is_right else None
    words = start.felt(target, case.own.targets.get(target), healed.targets.get(target), reach)
    return [dataclasses.replace(c, findings=(*c.findings, Finding("target", c.sites, words))) for c in culprits]


def shown_by(case: Case, targets: Sequence[str], otherwise: Sequence[Site]) -> Iterator[str]:
    """Yield what targets that start outside the spread become with the reference's values of tensors.

    These are the ones that start ``otherwise``, or those whose statistics lie well outside the reference's; where there are
    none, no probe is run.
    """
    sure = told_by_name(case.pair).intersection(case.state)
    sites = [Site(name) for name in otherwise or unlike(case.pair) if name in sure]
    for target in targets:
        own = case.own.targets[target]
        if sites and not case.starts[target].holds(own):
            healed = _given(case, target, sites, judged=False).targets.get(target)
            if healed is not None:
                yield start.goes_to(target, own, healed, sites)


def _given(case: Case, target: str, sites: Sequence[Site], *, judged: bool) -> Reading:
    """Run the port with its own weights, but for the reference's values of some tensors."""
    question = Question("start", case.port, case.log, target, case.starts[target], Intervention())
    verdict = question.verdict if judged else None
    return question.run(question.base.patching(sites), "start", start.named(sites), patched=len(sites), verdict=verdict)
