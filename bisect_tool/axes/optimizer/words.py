"""What a difference between two optimizers is called."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bisect_tool.axes.optimizer.stepped import Apart, Side, Stepped
from bisect_tool.axes.optimizer.update_rules import Rule
from bisect_tool.finding import listed

# The side in whose groups a parameter is missing, the check, and the words.
BY_ITSELF: tuple[tuple[Side, str, str], ...] = (
    ("port", "step-missing", "never changes, since it is in no group of the optimizer"),
    ("reference", "step-extra", "changes, though it is in no group of the reference's optimizer"),
)
WORDS = {
    "lr": ("step-lr", "learning rate"),
    "momentum": ("step-momentum", "momentum"),
    "dampening": ("step-dampening", "dampening"),
    "weight_decay": ("step-decay", "weight decay"),
    "nesterov": ("step-nesterov", "Nesterov momentum"),
    "beta1": ("step-betas", "first beta"),
    "beta2": ("step-betas", "second beta"),
    "eps": ("step-eps", "eps"),
}
# What a boolean of a rule means, when it is true and when it is not.
READINGS = {
    "first": ("step-dampening", "the first step is dampened", "not"),
    "decoupled": ("step-decay", "the weight decay is apart from the gradient", "added to it"),
    "early": ("step-eps", "eps is added before the second moment is corrected for its start", "after it"),
}


def difference_words(name: str, ours: Rule, theirs: Rule, *, declared: bool) -> tuple[str, str]:
    """Return check and words for one field in which two rules differ; ``declared`` where the settings say so too."""
    ours_value, theirs_value = getattr(ours, name), getattr(theirs, name)
    if name in READINGS:
        check, true, false = READINGS[name]
        return check, f"{true}, reference {false}" if theirs_value else f"not so in the port: {true}"
    check, noun = WORDS[name]
    if name == "nesterov":
        words = f"{noun} {'on' if theirs_value else 'off'}, reference {'on' if ours_value else 'off'}"
    else:
        words = f"{noun} {theirs_value:.4g}, reference {ours_value:.4g}"
    if name == "lr" and ours_value:
        words += f" ({theirs_value / ours_value:.4g} times)"
    return check, words if declared else f"steps as with {words}, whatever its settings say"


def off_words(parameters: Sequence[Apart]) -> str:
    """Say by how much parameters are off after the step, where that is all that is known."""
    first, second = (
        max(p.off[step] if math.isfinite(p.off[step]) else math.inf for p in parameters) for step in (0, 1)
    )
    if second == math.inf:
        return "no finite numbers after the step, where the reference has them"
    sizes = f"{first:.2g} of the reference's update after one step, {second:.2g} after two"
    return f"off by up to {sizes}, and the cause is not known"


def kind_of(pair: Stepped) -> str:
    """Return the kind that a parameter's name and shape say: groups are mostly made of these."""
    if pair.name.endswith("bias"):
        return "bias"
    return "one-dimensional weight" if pair.start.ndim < 2 else "weight"


def spelled(names: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Say which parameters: 'all 87 biases', 'model.0.conv.weight', '5 of 88 weights (a, b, c and 2 more)'."""
    if len(names) == len(kinds) > 1:
        return f"all {len(names)} parameters"
    parts = []
    for kind in dict.fromkeys(kinds[name] for name in names):
        alike = [name for name in names if kinds[name] == kind]
        count = sum(other == kind for other in kinds.values())
        noun = "biases" if kind == "bias" else f"{kind}s"
        if len(alike) == 1:
            parts.append(alike[0])
        elif len(alike) == count:
            parts.append(f"all {count} {noun}")
        else:
            parts.append(f"{len(alike)} of {count} {noun} ({listed(alike)})")
    return ", ".join(parts)
