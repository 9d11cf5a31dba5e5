"""Gradients as targets: the norm of all of them, how far each parameter's is off, and the worst of these."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

from bisect_tool.captures.again import command_again
from bisect_tool.captures.manifest import Gradients, Manifest
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import BisectError
from bisect_tool.probes.reading import Pulled, Reading
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import SAFETY, Interval
from bisect_tool.sentences.spelling import WORST_GRADIENT, listed

NORM = "grad_norm"
ALL = "gradients"  # the worst of all parameters, in multiples of what rounding allows
PREFIX = "grad:"


def is_gradient_target(target: str | None) -> bool:
    """Tell whether a target is one of gradients."""
    return target is not None and (target in (NORM, ALL) or target.startswith(PREFIX))


def is_about(target: str | None, parameters: Collection[str]) -> bool:
    """Tell whether a target is the gradient of one of some parameters."""
    return target is not None and target.startswith(PREFIX) and target.removeprefix(PREFIX) in parameters


def check_gradient_target(capture: Capture, target: str) -> None:
    """Raise BisectError for a target of gradients that the capture does not have, or that says nothing."""
    manifest, name = capture.manifest, target.removeprefix(PREFIX)
    gradients = manifest.gradients
    if gradients is None:
        raise BisectError(
            f"target {target!r}: the capture has no gradients",
            hint=f"record them with `{command_again(capture.folder, manifest, grads=True)}`",
        )
    if not target.startswith(PREFIX):
        return
    if name not in gradients.parameters:
        close = [known for known in gradients.parameters if name in known] or list(gradients.parameters)
        raise BisectError(f"target {target!r}: the reference trains no parameter {name!r}; it trains {listed(close)}")
    rms = reference_rms(manifest, gradients, name)
    if rms is None or rms <= SAFETY * gradients.noise.parameters.get(name, 0.0):
        found = (
            "has no gradient" if not rms else f"has one below its own rounding ({rms:.2g}): its true gradient is zero"
        )
        raise BisectError(
            f"target {target!r}: in the reference {name} {found}; there is nothing to compare with",
            hint=f"`bisect run --target {NORM}` compares them all",
        )


def reference_rms(manifest: Manifest, gradients: Gradients, name: str) -> float | None:
    """Return the rms of a parameter's gradient in the reference, None where no path leads to it."""
    key = gradients.parameters[name]
    if key is None:
        return None
    entry = manifest.tensors[key]
    return math.hypot(entry.mean or 0.0, entry.std or 0.0)


def allowed(manifest: Manifest, gradients: Gradients, name: str) -> float:
    """Return the rms by which a parameter's gradient may be off: what bad rounding in every layer does to it, and a margin."""
    scale = reference_rms(manifest, gradients, name) or 0.0
    return SAFETY * max(gradients.noise.parameters.get(name, 0.0), manifest.noise.rounding * scale)


def gradient_question(
    question: Question, manifest: Manifest, given: frozenset[str] = frozenset(), merged: frozenset[str] = frozenset()
) -> Question:
    """Return a question about a target of gradients, read off a backward pass.

    Those ``given`` count as the reference's; those ``merged`` are not counted: they are in that of another parameter, or unknown.
    """
    gradients = manifest.gradients
    assert gradients is not None

    def measure(reading: Reading) -> float | None:
        return _measured(manifest, gradients, question.target, reading, given, merged) if reading.gradients else None

    quantity = WORST_GRADIENT if question.target == ALL else question.target
    return dataclasses.replace(question, measure=measure, quantity=quantity)


def _measured(
    manifest: Manifest,
    gradients: Gradients,
    target: str,
    reading: Reading,
    given: frozenset[str],
    merged: frozenset[str],
) -> float:
    """Return the value of a target of gradients, where those ``given`` are the reference's."""
    if target == NORM:
        others = [_parameter_norm(manifest, gradients, name) for name in given]
        return math.hypot(norm_of(reading, given | merged) or 0.0, *others)
    if target == ALL:
        judged = [name for name in gradients.parameters if name not in given]
        return max((times_allowed(manifest, gradients, name, reading) for name in judged), default=0.0)
    name = target.removeprefix(PREFIX)
    return 0.0 if name in given else _relative_error(manifest, gradients, name, reading)


def norm_of(reading: Reading, without: frozenset[str] = frozenset()) -> float | None:
    """Return the norm of the gradients of a reading, some left out; None where it has none."""
    rows = [row.norm for name, row in reading.gradients.items() if name not in without]
    return math.hypot(*rows) if reading.gradients else None


def times_allowed(manifest: Manifest, gradients: Gradients, name: str, reading: Reading) -> float:
    """Return how far a gradient is off, over how far it may."""
    apart = _error(reading.gradients.get(name), reference_rms(manifest, gradients, name) or 0.0)
    floor = allowed(manifest, gradients, name)
    return apart / floor if floor else (math.inf if apart else 0.0)


def _relative_error(manifest: Manifest, gradients: Gradients, name: str, reading: Reading) -> float:
    """Return how far a gradient is off, over the size of the reference's where that is not zero."""
    scale = reference_rms(manifest, gradients, name) or 0.0
    apart = _error(reading.gradients.get(name), scale)
    return apart / scale if scale else apart


def _error(row: Pulled | None, scale: float) -> float:
    if row is None:  # the port has no such parameter that takes gradients
        return scale
    return math.inf if row.mismatch else row.apart


def gradient_interval(manifest: Manifest, gradients: Gradients, target: str) -> Interval:
    """Return where a gradient target may lie: by what bad rounding in every layer's backward pass does to it."""
    origin = (
        f"{SAFETY:g} times what rounding every layer's gradient by {manifest.noise.rounding:g} does to the reference"
    )
    if target == NORM:
        norm = reference_norm(manifest)
        width = SAFETY * max(gradients.noise.norm, manifest.noise.rounding * norm)
        return Interval(norm - width, norm + width, norm, origin)
    if target == ALL:
        return Interval(0.0, 1.0, 0.0, origin)
    name = target.removeprefix(PREFIX)
    scale = reference_rms(manifest, gradients, name) or 0.0
    floor = allowed(manifest, gradients, name)
    return Interval(0.0, floor / scale if scale else floor, 0.0, origin)


def reference_norm(manifest: Manifest) -> float:
    """Return the norm of all the reference's gradients."""
    gradients = manifest.gradients
    assert gradients is not None
    return math.hypot(*(_parameter_norm(manifest, gradients, name) for name in gradients.parameters))


def _parameter_norm(manifest: Manifest, gradients: Gradients, name: str) -> float:
    key = gradients.parameters[name]
    size = 0 if key is None else math.prod(manifest.tensors[key].shape)
    return (reference_rms(manifest, gradients, name) or 0.0) * math.sqrt(size)
