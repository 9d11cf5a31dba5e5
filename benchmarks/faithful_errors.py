"""How near a port comes to being accused: its errors in parts of what is allowed, from all that its probes gave."""

from collections.abc import Mapping, Sequence

from bisect_tool.axes.gradients.pieces import floor_of
from bisect_tool.axes.gradients.targets import ALL
from bisect_tool.captures.manifest import Manifest
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.tolerance import SAFETY

WORST = ("call", "loss", "start", "piece", "gradient")


class Noting(WorkerPort):
    """A port that keeps every reading."""

    noted: tuple[tuple[Intervention, Reading], ...] = ()

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe and keep what it gave."""
        reading = super().run(intervention)
        self.noted = (*self.noted, (intervention, reading))
        return reading


def worst(
    manifest: Manifest, noted: Sequence[tuple[Intervention, Reading]], questions: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Return the worst errors, each in parts of what is allowed: one or less agrees.

    Of a call and of a piece of the backward pass, where what float64 clears counts with its error there; of a whole
    backward pass; of the target that was asked about, with the reference's weights (loss) and with its own (start).
    """
    calls: dict[str, float] = {}
    pieces: dict[tuple[str, str, str], float] = {}
    found = _of_target(questions)
    noise, gradients = manifest.noise, manifest.gradients
    for asked, reading in noted:
        for site, seen in reading.watched.items() if asked.patched >= asked.watched else ():
            floor = max(noise.rounding, SAFETY * noise.exact.get(site, 0.0))
            error = max((c.error or 0.0 for c in (*(seen.exact or ()),) or seen.output), default=0.0) / floor
            calls[site] = min(calls.get(site, error), error)
        for row in reading.pieces if gradients else ():
            key, floor = (row.site, row.part, row.path), floor_of(row, noise, gradients)  # type: ignore[arg-type]
            ratio = row.gradient.apart / floor if floor else float(row.gradient.apart > 0)
            pieces[key] = min(pieces.get(key, ratio), ratio)
        if asked.backward == "whole":
            found.setdefault("gradient", reading.targets.get(ALL, 0.0))
    return {**found, "call": max(calls.values(), default=0.0), "piece": max(pieces.values(), default=0.0)}


def _of_target(questions: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    found = {}
    for name, question in (("loss", questions.get("code", {})), ("start", questions.get("start", {}))):
        if "centre" in question:
            width = question["high"] - question["centre"]
            found[name] = abs(question["value"] - question["centre"]) / width if width else 0.0
    return found
