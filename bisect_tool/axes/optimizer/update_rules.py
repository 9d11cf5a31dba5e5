"""What an optimizer's settings say that its steps are, computed in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sgd:
    """Gradient descent with momentum; ``first`` tells that the first step is dampened too, as Jittor does it."""

    lr: float
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False
    first: bool = False

    def steps(self, start: Array, gradients: Sequence[Array]) -> list[Array]:
        """Return the values after each step, from its gradients."""
        velocity, found = np.zeros_like(start), [start]
        for number, gradient in enumerate(gradients):
            slope = gradient + self.weight_decay * found[-1]
            kept = 1 - self.dampening if self.first or (number and self.momentum) else 1
            velocity = self.momentum * velocity + kept * slope
            move = slope + self.momentum * velocity if self.nesterov else velocity
            found.append(found[-1] - self.lr * move)
        return found[1:]


@dataclass(frozen=True)
class Adam:
    """Adam; ``decoupled`` as AdamW decays, ``early`` where eps is added before the second moment is corrected.

    ``amsgrad``: the second moment counts as the largest that it was.
    """

    lr: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float = 0.0
    decoupled: bool = False
    early: bool = False
    amsgrad: bool = False

    def steps(self, start: Array, gradients: Sequence[Array]) -> list[Array]:
        """Return the values after each step, from its gradients."""
        first, second, most, found = np.zeros_like(start), np.zeros_like(start), np.zeros_like(start), [start]
        for number, gradient in enumerate(gradients, 1):
            slope = gradient if self.decoupled else gradient + self.weight_decay * found[-1]
            first = self.beta1 * first + (1 - self.beta1) * slope
            second = self.beta2 * second + (1 - self.beta2) * slope * slope
            most = np.maximum(most, second) if self.amsgrad else second
            root = math.sqrt(1 - self.beta2**number)
            scale = (np.sqrt(most) + self.eps) / root if self.early else np.sqrt(most) / root + self.eps
            kept = 1 - self.lr * self.weight_decay if self.decoupled else 1
            found.append(found[-1] * kept - self.lr / (1 - self.beta1**number) * first / scale)
        return found[1:]


Rule: TypeAlias = Sgd | Adam


def declared(settings: Mapping[str, float | bool], name: str) -> list[Rule]:
    """Return what a group's settings may mean, torch's reading first; nothing where they are no rule known here."""
    lr, decay = settings.get("lr"), settings.get("weight_decay", 0.0)
    if lr is None or settings.get("maximize"):
        return []
    if "eps" in settings and "betas.1" in settings:
        betas = settings["betas.0"], settings["betas.1"]
        decoupled = name == "AdamW" or bool(settings.get("decoupled_weight_decay", False))
        amsgrad = bool(settings.get("amsgrad", False))
        adam = Adam(lr, *betas, settings["eps"], decay, decoupled, amsgrad=amsgrad)
        return [adam, replace(adam, early=True)]
    momentum, dampening = settings.get("momentum", 0.0), settings.get("dampening", 0.0)
    sgd = Sgd(lr, momentum, dampening, decay, bool(settings.get("nesterov", False)))
    return [sgd, replace(sgd, first=True)] if dampening else [sgd]


def differing(ours: Rule, theirs: Rule) -> list[str]:
    """Return the fields in which two rules of one kind differ."""
    return [f.name for f in fields(ours) if getattr(ours, f.name) != getattr(theirs, f.name)]


def with_field(rule: Rule, name: str, other: Rule) -> Rule:
    """Return a rule with one field of another one's."""
    changes: dict[str, Any] = {name: getattr(other, name)}
    return replace(rule, **changes)


@dataclass(frozen=True)
class Fit:
    """What the two steps of a side consist of: minus ``gradient[t]`` gradients and ``start[t]`` starting values.

    The second step counts as if its gradient were the first one's.
    """

    gradient: tuple[float, float]
    start: tuple[float, float]


def guesses(rule: Sgd, fit: Fit) -> list[Sgd]:
    """Return the rules that might take the steps of a fit, those first that differ least, and round numbers first."""
    size, ratio = fit.gradient[0], fit.gradient[1] / fit.gradient[0] if fit.gradient[0] else math.nan
    found = []
    for decay in (rule.weight_decay, 0.0, fit.start[0] / size if size else math.nan):
        shrunk = 1 - decay * size
        for nesterov in (rule.nesterov, not rule.nesterov):
            for momentum in (rule.momentum, _momentum(ratio, shrunk, nesterov)):
                for lr in (rule.lr, size / (1 + momentum if nesterov else 1)):
                    known = replace(rule, lr=lr, momentum=momentum, weight_decay=decay, nesterov=nesterov)
                    found += [known, *_dampened(known, size, ratio, shrunk)]
    finite = [r for r in found if all(math.isfinite(getattr(r, f.name)) for f in fields(r))]
    rounded = [_rounded(other, digits) for digits in (1, 2, 3, 4) for other in finite]
    return sorted(dict.fromkeys([*rounded, *finite]), key=lambda other: _distance(rule, other))


def _rounded(rule: Sgd, digits: int) -> Sgd:
    lr, decay = (float(f"{value:.{digits}g}") for value in (rule.lr, rule.weight_decay))
    momentum, dampening = round(rule.momentum, digits) + 0.0, round(rule.dampening, digits) + 0.0  # no minus zero
    return replace(rule, lr=lr, weight_decay=decay, momentum=momentum, dampening=dampening)


def _distance(ours: Sgd, theirs: Sgd) -> tuple[int, bool]:
    # a dampening may take the same two steps as another momentum, and is what people set less often
    return len(differing(ours, theirs)), ours.dampening != theirs.dampening


def _momentum(ratio: float, shrunk: float, nesterov: bool) -> float:
    if not nesterov:
        return ratio - shrunk
    rest = shrunk - ratio  # m² + m * rest + rest = 0, from a2 / a1 = ((1 + m) * shrunk + m²) / (1 + m)
    inside = rest * rest - 4 * rest
    return (math.sqrt(inside) - rest) / 2 if inside >= 0 else math.nan


def _dampened(rule: Sgd, size: float, ratio: float, shrunk: float) -> Iterator[Sgd]:
    if rule.lr and rule.momentum:
        share = size / rule.lr
        yield replace(rule, first=True, dampening=1 - ((share - 1) / rule.momentum if rule.nesterov else share))
        if shrunk and not rule.nesterov:
            yield replace(rule, first=False, dampening=1 - (ratio - rule.momentum) / shrunk)
