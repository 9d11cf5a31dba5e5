"""How near a port comes to being accused: its errors in parts of what is allowed, from all that its probes gave."""

from bisect_tool.axes.gradients.pieces import floor_of
from bisect_tool.axes.gradients.targets import ALL, gradient_interval, gradient_question
from bisect_tool.captures.manifest import Manifest
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import SAFETY
from bisect_tool.report.data import Range, Report

WORST = ("call", "loss", "start", "piece", "gradient")


def worst(port: WorkerPort, manifest: Manifest, report: Report) -> dict[str, float]:
    """Return the worst errors of all that a port was asked so far, each in parts of what is allowed: one or less agrees.

    Of a call and of a piece of the backward pass, where what float64 clears counts with its error there; of a whole
    backward pass; of the target that was asked about, with the reference's weights (loss) and with its own (start).
    """
    asked = [(intervention, reading) for intervention, reading, _ in port.asked]
    found = {"call": worst_call(manifest, asked), "piece": worst_piece(manifest, asked)}
    whole = [reading for intervention, reading in asked if intervention.backward == "whole"]
    if whole:
        found["gradient"] = worst_gradient(port, manifest, whole[0])
    for name, question in (("loss", report.questions.get("code")), ("start", report.questions.get("start"))):
        if question is not None and question.centre is not None:
            found[name] = _off_centre(question)
    return found


def worst_call(manifest: Manifest, asked: list[tuple[Intervention, Reading]]) -> float:
    """Return the worst error of a call that is computed from the reference's inputs."""
    found: dict[str, float] = {}
    noise = manifest.noise
    for intervention, reading in asked:
        for site, seen in reading.watched.items() if intervention.patched >= intervention.watched else ():
            floor = max(noise.rounding, SAFETY * noise.exact.get(site, 0.0))
            error = max((c.error or 0.0 for c in (*(seen.exact or ()),) or seen.output), default=0.0) / floor
            found[site] = min(found.get(site, error), error)
    return max(found.values(), default=0.0)


def worst_piece(manifest: Manifest, asked: list[tuple[Intervention, Reading]]) -> float:
    """Return the worst gradient that one call's own code makes of the reference's."""
    found: dict[tuple[str, str, str], float] = {}
    for row in (row for _, reading in asked for row in reading.pieces if manifest.gradients):
        floor = floor_of(row, manifest.noise, manifest.gradients)  # type: ignore[arg-type]
        ratio = row.gradient.apart / floor if floor else float(row.gradient.apart > 0)
        key = row.site, row.part, row.path
        found[key] = min(found.get(key, ratio), ratio)
    return max(found.values(), default=0.0)


def worst_gradient(port: WorkerPort, manifest: Manifest, whole: Reading) -> float:
    """Return the worst parameter's gradient of a whole backward pass."""
    assert manifest.gradients is not None
    interval = gradient_interval(manifest, manifest.gradients, ALL)
    question = Question("gradients", port, ProbeLog(), ALL, interval, Intervention())
    return gradient_question(question, manifest).value(whole) or 0.0


def _off_centre(question: Range) -> float:
    width = question.high - question.centre
    return abs(question.value - question.centre) / width if width else 0.0
