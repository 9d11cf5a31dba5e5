"""What a report says of who is innocent: each sentence is made of what was given and compared."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.spelling import apart, counted, given_weights, sentence_list, weights


def calls_are_right(count: int, *, of: int, lost: int = 0, weights_lost: Sequence[str] = ()) -> str:
    """Clear the calls that nobody blames; ``lost`` calls of the reference could not be compared, ``weights_lost`` not be given."""
    rest = f" ({counted(lost, 'other')} could not be compared)" if lost else ""
    return (
        f"{_the(count, of)}: from the reference's inputs and {given_weights(weights_lost)} each gives the reference's output, "
        f"to within rounding{rest}"
    )


def backward_passes_are_right(count: int, *, of: int) -> str:
    """Clear the backward passes that nobody blames."""
    return (
        f"the backward pass of {_the(count, of)}: from the reference's values and gradients each gives the reference's, "
        "to within rounding"
    )


def optimizer_is_right(count: int) -> str:
    """Clear the optimizer's step of the parameters that it was compared for."""
    whose = counted(count, "parameter")
    return f"the optimizer: from the reference's values and gradients {whose} {'is' if count == 1 else 'are'} the reference's after two steps"


def runs_are_alike(runs: int, with_gradients: int) -> str:
    """Clear a port that was run more than twice of giving something else now and then."""
    more = f", and {with_gradients:,} with its gradients" if with_gradients > 1 else ""
    return f"chance, as far as runs show it: {runs:,} runs of the port as it is{more} were the same, bit for bit"


def _the(count: int, of: int) -> str:
    if count == 1:
        return "the other module call" if of > 1 else "the only module call"
    return f"{'the other' if count < of else 'all'} {count:,} module calls"


def loss_is_right(targets: Sequence[str], lost: Sequence[str] = (), *, others_are_not: bool = False) -> str:
    """Clear the code around the layers; where ``others_are_not`` right, only what of it the targets need. Weights were ``lost``."""
    verb = "agrees" if len(targets) == 1 else "agree"
    of = f", as far as {sentence_list(targets)} needs it" if others_are_not else ""
    return f"the code of step and of the loss{of}: with {weights(lost)} {sentence_list(targets)} {verb}"


def not_the_weights_alone(
    given: int, of: int, target: str, value: float, reference: float, *, as_it_is: float | None = None
) -> str:
    """Clear the weights that were given of explaining all by themselves.

    Where they explain next to nothing, ``as_it_is`` is the target with the port's own.
    """
    port, theirs = apart(value, reference)
    little = "" if as_it_is is None else f"; they change little of it ({as_it_is:.6g} as it is)"
    return f"{_alone(given, of)}: with the reference's, {target} is still {port}, not {theirs}{little}"


def code_is_wrong_with_the_reference_weights(given: int, of: int) -> str:
    """Clear the weights that were given of explaining by themselves what code gets wrong."""
    return f"{_alone(given, of)}: the code is wrong with the reference's too"


def _alone(given: int, of: int) -> str:
    return (
        "weights alone"
        if given == of
        else f"weights alone, as far as they could be given ({given:,} of {of:,} tensors)"
    )


def later_calls_are_right(last: str, target: str) -> str:
    """Clear what comes after the last culprit in execution order."""
    return f"everything after {last}, as far as {target} shows it: with the code to blame put right it agrees"


def other_tensors_are_right(count: int, target: str) -> str:
    """Clear the tensors beside those that start otherwise, as far as a target shows them."""
    these = "this one" if count == 1 else f"these {count:,}"
    return (
        f"every other parameter and buffer, as far as {target} shows it: with the reference's values of {these} alone "
        "it starts where it may"
    )
