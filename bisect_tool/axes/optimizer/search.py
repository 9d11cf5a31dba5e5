"""Compare one optimizer step: from the reference's parameters and gradients, the port's optimizer must make the same of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.axes.optimizer.cells import Group
from bisect_tool.axes.optimizer.findings import StepFinding, step_findings
from bisect_tool.axes.optimizer.stepped import Stepped
from bisect_tool.captures.described import OptimizerGroup
from bisect_tool.captures.manifest import Gradients, Optimizer
from bisect_tool.frameworks import known_framework
from bisect_tool.probes.handed import Steps
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import optimizer as sentences
from bisect_tool.sites import Site
from bisect_tool.wrong_learning import WrongStep


@dataclass(frozen=True, kw_only=True)
class OptimizerAnswer(Answer):
    """What was found of the optimizer's step; ``alike`` are the parameters that are the reference's after it."""

    alike: tuple[str, ...] = ()


def _search(case: Case) -> Answer:
    """Compare the optimizer's step, where every gradient was asked about; it is taken from the reference's, whatever the port's are."""
    gradients = case.capture.manifest.gradients
    compared = case.answer(GradientAnswer)
    cannot_tell = "gradients" not in case.port.capabilities
    asked = case.target is None and case.gradient_target is None and (compared is not None or cannot_tell)
    if not asked or gradients is None or gradients.optimizer is None:
        return Answer(notes=tuple(_not_compared(case)))
    taken = case.port.asides.steps(case.state)
    if taken is None:  # why is said of all that the port cannot answer
        return Answer()
    if not taken.groups:
        return Answer(notes=(sentences.no_optimizer(),))
    blamed = () if compared is None else compared.culprits
    untrained = {site for culprit in blamed for site in culprit.sites}
    pairs = list(_stepped(case, gradients, gradients.optimizer, taken, untrained))
    findings = step_findings(_groups(gradients.optimizer.groups), _groups(taken.groups), pairs)
    off = {name for finding in findings for name in finding.sites}
    alike = tuple(pair.name for pair in pairs if pair.gradient is not None and pair.reference and pair.name not in off)
    return _answer(findings, known_framework(case.port.described.framework).steps, alike)


def _not_compared(case: Case) -> Iterator[str]:
    """Say why the step was not asked about, where the reference has one and nothing else is to blame so far."""
    manifest = case.capture.manifest
    if not manifest.described.optimizer or case.culprits or case.log.stop.why:
        return
    if manifest.gradients is None:
        yield sentences.not_recorded()
    elif manifest.gradients.optimizer is None:
        yield sentences.takes_a_closure()
    elif case.target is not None or case.gradient_target is not None:
        yield sentences.asked_of_one_target()


def _answer(
    findings: Sequence[StepFinding], of_the_framework: Collection[str], alike: tuple[str, ...]
) -> OptimizerAnswer:
    """Blame each mistake, but for what every port in the framework does."""
    return OptimizerAnswer(
        culprits=tuple(_culprit(f) for f in findings if f.setting not in of_the_framework),
        notes=tuple(sentences.of_the_framework(f.message) for f in findings if f.setting in of_the_framework),
        alike=alike,
    )


def _culprit(finding: StepFinding) -> WrongStep:
    proof = Proof(sentences.after_two_steps(len(finding.sites)), Verdict.DIVERGES)
    return WrongStep(sites=tuple(map(Site, finding.sites)), necessary=proof, findings=(finding,))


def _groups(groups: Sequence[OptimizerGroup]) -> list[Group]:
    return [Group(group.class_, group.settings, group.parameters) for group in groups]


def _stepped(
    case: Case, gradients: Gradients, optimizer: Optimizer, taken: Steps, untrained: Collection[str]
) -> Iterator[Stepped]:
    """Yield each parameter before and after the step, but for those that the port does not train: that is known already."""
    capture, given = case.capture, frozenset(case.state)
    for name, key in gradients.parameters.items():
        if name not in given or name in untrained:
            continue
        ours = optimizer.after.get(name)
        yield Stepped(
            name,
            capture.read(capture.manifest.state[name]),
            None if key is None else capture.read(key),
            None if ours is None else [capture.read(after) for after in ours],
            taken.after.get(name),
        )


OPTIMIZER = Axis("optimizer", frozenset({"optimizer"}), "the optimizer's step was not compared", _search)
