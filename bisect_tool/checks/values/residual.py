"""An input forgotten, added once more, subtracted, or handed on in place of the output."""

from __future__ import annotations

from bisect_tool.checks.values.evidence import Evidence, Numbers, check, explains, rms, sure


@check
def input_returned(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the port returns one of its inputs."""
    for index, given in evidence.same_shape_inputs:
        if sure(numbers) and explains(numbers, given):
            return f"is {evidence.input_name(index)}, unchanged"
    return None


@check
def residual(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that an input is not added, added once more than the reference does, or subtracted."""
    for index, given in evidence.same_shape_inputs:
        if not sure(numbers) or rms(given) <= 10 * numbers.floor * rms(numbers.expected):
            continue
        name = evidence.input_name(index)
        if explains(numbers, numbers.expected - given):
            return f"lacks the residual: with {name} added it is the reference's"
        if explains(numbers, numbers.expected + given):
            return f"is the reference's plus {name}: added twice, or where the reference does not"
        if explains(numbers, numbers.expected - 2 * given):
            return f"has {name} subtracted where the reference adds it"
        if explains(numbers, numbers.expected + 2 * given):
            return f"has {name} added where the reference subtracts it"
    return None


@check
def product(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the reference multiplies by an input and the port does not, or the reverse."""
    for index, given in evidence.same_shape_inputs:
        if not sure(numbers):
            return None
        if explains(numbers, numbers.value * given, expected=True):
            return f"lacks a factor: times {evidence.input_name(index)} it is the reference's"
        if explains(numbers, numbers.expected * given):
            return f"is the reference's times {evidence.input_name(index)}"
    return None
