"""Another activation, none, or one too many."""

from __future__ import annotations

from collections.abc import Mapping

from bisect_tool.checks.values.evidence import (
    Array,
    Evidence,
    Numbers,
    allowed_sampled,
    check,
    explains,
    rms,
    sure,
)
from bisect_tool.checks.values.functions import ACTIVATIONS, OTHERS, Function, Named, leaky, softmaxes

NO_ACTIVATION, SIGMOID = Named("its input, unchanged"), Named("sigmoid")


@check
def other_activation(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say which known function of its input the port computes, and which the reference."""
    if not sure(numbers):
        return None
    for index, given in evidence.same_shape_inputs:
        ours = _function_of(given, numbers, expected=False, settings=evidence.settings)
        theirs = _function_of(given, numbers, expected=True, settings=evidence.settings)
        if ours is None or ours == theirs or (ours == NO_ACTIVATION and theirs is None):
            continue
        known = f"the reference {theirs}" if theirs else f"the reference something else ({evidence.classes[0] or '?'})"
        of = "" if ours == NO_ACTIVATION else f" of {evidence.input_name(index)}"
        hint = evidence.hint("softmax over all") if ours.over_all else ""
        return f"is {ours}{of}, {known}{hint}"
    return None


@check
def activation_missing(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say which function of the port's values the reference is: it was left out."""
    name = _named(numbers.value, numbers, expected=True, table=ACTIVATIONS | OTHERS)
    return f"has no {name} applied: the reference is the {name} of it" if name else None


@check
def activation_extra(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say which function of the reference's values the port's are: it was applied once too often."""
    name = _named(numbers.expected, numbers, expected=False, table=ACTIVATIONS | OTHERS)
    if name is None:
        return None
    known = _named_before(name, numbers)
    return f"is the {name} of the reference's: {'applied twice' if known else 'applied where the reference does not'}"


def _function_of(given: Array, numbers: Numbers, *, expected: bool, settings: Mapping[str, object]) -> Named | None:
    target = numbers.expected if expected else numbers.value
    if rms(target - given) <= max(4 * numbers.floor * rms(given), 0):
        return NO_ACTIVATION
    slope = settings.get("negative_slope")
    own = {f"leaky_relu with slope {slope:g}": leaky(float(slope))} if isinstance(slope, (int, float)) else {}
    return _named(given, numbers, expected=expected, table=own | ACTIVATIONS)


def _named(given: Array, numbers: Numbers, *, expected: bool, table: Mapping[str, Function]) -> Named | None:
    """Return which function of what is given one of the two tensors is."""
    if not sure(numbers):
        return None
    target = numbers.expected if expected else numbers.value
    some, wanted = given[numbers.sample], target[numbers.sample]
    # Some differ by less than what counts as explained: the nearest is meant.
    left = {name: rms(function(some) - wanted) for name, function in table.items()}
    left = {name: off for name, off in left.items() if off <= 5 * allowed_sampled(numbers, target)}
    for name in sorted(left, key=left.__getitem__):
        if explains(numbers, table[name](given), expected=expected):
            return Named(name)
    return next((s for s, guess in softmaxes(given, target) if explains(numbers, guess, expected=expected)), None)


def _named_before(name: Named, numbers: Numbers) -> bool:
    """Tell whether the reference's values can be outputs of the function that was applied once more."""
    low, high = float(numbers.expected.min()), float(numbers.expected.max())
    if name.shares:
        return any(True for _ in softmaxes(numbers.expected, numbers.expected))
    return name == SIGMOID and low >= 0 and high <= 1
