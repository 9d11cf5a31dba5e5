"""Compare one optimiser step: from the reference's parameters and gradients, the port's optimizer must make the same of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.axes.optimizer.findings import Group, step_findings
from bisect_tool.axes.optimizer.stepped import Stepped
from bisect_tool.captures.manifest import OptimizerGroup
from bisect_tool.captures.reader import Capture
from bisect_tool.culprit import Culprit, WrongStep
from bisect_tool.finding import Finding, counted
from bisect_tool.frameworks import known_framework
from bisect_tool.probes.handed import Steps
from bisect_tool.probes.interface import Port
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site


def compare_steps(
    port: Port, capture: Capture, state: Sequence[Site], blamed: Collection[str]
) -> tuple[list[Culprit], list[str]]:
    """Return the mistakes of the port's optimizer, each a culprit, and what else there is to say of it.

    ``blamed`` are parameters that the port does not train, which is known already.
    """
    gradients = capture.manifest.gradients
    if gradients is None or gradients.optimizer is None:
        return [], []
    taken = port.asides.steps(state)
    if taken is None:  # why is said of all that the port cannot answer
        return [], []
    if not taken.groups:
        why = "build of the port returns no 'optimizer', as that of the reference does"
        return [], [f"the optimiser step was not compared: {why}"]
    findings = step_findings(
        _groups(gradients.optimizer.groups), _groups(taken.groups), _stepped(capture, taken, state, blamed)
    )
    known = known_framework(port.described.framework).steps  # the same port in another framework
    words = "of no consequence to the port's own code: the framework's optimizer does so"
    notes = [f"the optimiser step: {f.message} ({words})" for f in findings if f.check in known]
    return [_culprit(f) for f in findings if f.check not in known], notes


def _culprit(finding: Finding) -> Culprit:
    what = f"{counted(len(finding.sites), 'parameter')} after two steps, from the reference's parameters and gradients"
    sites = tuple(Site(site) for site in finding.sites)
    return WrongStep(sites=sites, necessary=Proof(what, Verdict.DIVERGES), findings=(finding,))


def _groups(groups: Sequence[OptimizerGroup]) -> list[Group]:
    return [Group(group.class_, group.settings, group.parameters) for group in groups]


def _stepped(capture: Capture, taken: Steps, state: Sequence[Site], blamed: Collection[str]) -> Iterator[Stepped]:
    gradients, given = capture.manifest.gradients, set(state)
    assert gradients is not None
    assert gradients.optimizer is not None
    for name, key in gradients.parameters.items():
        if name not in given or name in blamed:
            continue
        ours = gradients.optimizer.after.get(name)
        yield Stepped(
            name,
            capture.read(capture.manifest.state[name]),
            None if key is None else capture.read(key),
            None if ours is None else [capture.read(after) for after in ours],
            taken.after.get(name),
        )


def _search(case: Case) -> Answer:
    """Compare the optimizer's step, where every gradient was asked about."""
    gradients = case.answer(GradientAnswer)
    if gradients is None or case.gradient_target is not None:
        return Answer()
    untrained = {site for culprit in gradients.culprits for site in culprit.sites}
    steps, said = compare_steps(case.port, case.capture, case.state, untrained)
    return Answer(culprits=tuple(steps), notes=tuple(said))


OPTIMIZER = Axis("optimizer", frozenset({"optimizer"}), "the optimizer's step was not compared", _search)
