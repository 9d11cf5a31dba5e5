"""What is said of calls: what a wrong one gives, what it hands on, how that is proved, and what keeps it from being proved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bisect_tool.sentences import labels
from bisect_tool.sentences.spelling import counted, listed

# What could not be settled.
HELD_IS_NOT_ENOUGH = "holding what was found does not change the target further"
DIVERGES_UNEXPLAINED = "the target diverges, although all code that could be judged by itself is right"
NO_CALL = "no module call has a partner that could be patched"
DIVERGES_WITHOUT_CALLS = f"the code diverges, but {NO_CALL}"


def not_reproduced(site: str, failure: str | None) -> str:
    """Say that the reference's own code is wrong, or fails, where it runs call by call with what was recorded of it."""
    how = f"fails ({failure})" if failure else "gives something else than it did"
    return (
        f"the reference's own code of {site} {how}, too, where it is run call by call with what was recorded: it may hand values on "
        "in other ways than by arguments and outputs, such as a list that it writes into"
    )


# How far a value is off.


def off_by(error: float, mismatch: str | None = None, buffer: str | None = None) -> str:
    """Say how far a value is off, as a verb: 'is off by 75.59 %'; of a ``buffer``, what a call leaves in it."""
    if buffer is not None:
        return f"leaves {buffer} {f'with {mismatch}' if mismatch else f'off by {_share(error)}'}"
    return f"gives {mismatch}" if mismatch else f"is off by {_share(error)}"


def value_off(error: float, mismatch: str | None = None, buffer: str | None = None) -> str:
    """Say how far a value, or what a ``buffer`` holds, is off, as a noun: 'a value that is off by 75.59 %'."""
    if buffer is not None:
        return f"another {buffer}, {mismatch or f'off by {_share(error)}'}"
    return mismatch or f"a value that is off by {_share(error)}"


def _share(error: float) -> str:
    if error >= 10:
        return f"{error:.3g} times its size"
    return f"{100 * error:.2f} %" if error >= 1e-4 else f"{error:.1e} (relative)"


def _in_float64(exact: float | None, floor: float) -> str:
    if exact is None or not math.isfinite(exact):
        return ""
    times = f"{exact / floor:,.0f}" if exact < 1e6 * floor else f"{exact / floor:.1e}"
    return f"; in float64 by {100 * exact:.2f} %, {times} times what rounding explains ({floor:.0e})"


# What is wrong with a call.


def call_is_off(site: str, off: str, exact: float | None, floor: float) -> str:
    """Say that a call is off; ``off`` says by how much, ``exact`` is that in float64."""
    return f"{site} {off}, from the reference's inputs and weights{_in_float64(exact, floor)}"


def own_code_is_off(site: str, unseen: Sequence[str], off: str, exact: float | None, floor: float) -> str:
    """Say that a container is off although the calls inside it are right, but for those ``unseen``."""
    if unseen:
        who = f"{site}'s own code, or that of {listed(unseen)} inside it, which could not be compared,"
    else:
        who = f"{site}'s own code (not the layers inside it)"
    return f"{who} {off}{_in_float64(exact, floor)}"


def other_setting(setting: str, port: object, reference: object, first: str, others: int) -> str:
    """Say which setting of some calls is another one."""
    also = f" and {counted(others, 'other call')} like it" if others else ""
    return f"{setting} {port}, reference {reference}: {first}{also}"


def not_read(names: Sequence[str]) -> str:
    """Say which parameters nothing reads."""
    said = "is registered, but nothing reads it" if len(names) == 1 else "are registered, but nothing reads them"
    return f"{listed(names)} {said}: the code computes with another tensor, as after `module->bias = tensor`"


def hands_on(around: str, site: str, value: str) -> str:
    """Say that a container's own code hands a call inside it another value."""
    return f"{around}'s own code hands {site} {value}, although all that it computes this from is the reference's"


def inputs_of(site: str) -> str:
    """Name what a call is handed."""
    return f"what {site} is handed"


def output_of(site: str) -> str:
    """Name what a call gives."""
    return f"the value of {site}"


def step_hands_on(site: str, buffer: str | None = None) -> str:
    """Say that ``step`` hands a layer other inputs, or lets it begin with another ``buffer``."""
    if buffer is not None:
        return f"{site} begins with another {buffer} than the reference's: the code of step writes it, or does not"
    return f"{site} is handed other inputs than the reference's: the code of step, or the batch"


def loss_is_wrong(target: str, last: str) -> str:
    """Say that the code after the last layer is wrong."""
    return (
        f"once all that the code of step reads is the reference's, {target} still diverges: "
        f"the fault lies after the last layer ({last}), in the loss"
    )


def only_rounds(site: str, off: str, exact: float) -> str:
    """Say that a call that is off by much only rounds."""
    return f"{site} {off} from the reference's inputs: rounding, since in float64 it is off by {exact:.1e}"


def raises_by_itself(site: str) -> str:
    """Say that a call raises where its own output should show what is wrong."""
    return f"{labels.before(site)} patched: it raises"


def shown_by_itself(site: str, value: str) -> str:
    """Say what proves a call wrong that no target shows."""
    return f"{labels.before(site)} patched: it gives {value}"


def shown_by_its_inputs(site: str, value: str) -> str:
    """Say what proves that a call is handed something else, where no target shows it."""
    return f"everything patched: {site} is handed {value}"


def shown_after_the_step(value: str) -> str:
    """Say what proves that ``step`` leaves something else in a buffer."""
    return f"everything patched: step leaves {value}"


# What could not be settled.


def fails(what: str, why: str | None) -> str:
    """Say that the port fails in a probe."""
    return f"the port fails with {what}: {why}"


STEP_PULLS = (
    "step takes gradients itself: its own code, and what the layers pass back to it, was judged by its targets alone "
    "(let it return losses, and leave backward to `bisect capture --grads`)"
)


def stopped_after(culprits: int) -> str:
    """Say that the search was given up."""
    return f"stopped after {culprits} culprits: there may be more"


def outermost_not_given(calls: Sequence[str]) -> str:
    """Say that the fault may lie in calls that could not be patched."""
    return (
        f"no call of the port is known to be {listed(calls)} (a rename rule may say which module is), so that the fault may "
        "lie there too"
    )


def batch_not_given(parts: Sequence[str]) -> str:
    """Say that the port computed from another batch."""
    return f"the port did not get the reference's batch: {listed(parts)} is on one side only"


def state_not_given(names: Sequence[str]) -> str:
    """Say that tensors could not be patched."""
    return f"{listed(names)} could not be given the reference's value (no partner or another shape in the port)"


def held_as_one(name: str, first: str) -> str:
    """Say that the port has one tensor for two of the reference's."""
    return (
        f"{name} is the same tensor as {first} in the port, and another one with other values in the reference: it could not be given "
        "both (make it a tensor of its own in the port)"
    )


def state_guessed(pairs: Sequence[tuple[str, str]]) -> str:
    """Say that which tensor is which was guessed."""
    shown = listed([f"{ours} = {theirs}" for ours, theirs in pairs])
    return f"{shown} is matched by shape and order only: say which is which with a rename rule"


def input_unknown(site: str, part: str) -> str:
    """Say that part of what a call is handed has no partner on the other side."""
    return f"{site} is handed {part or 'something'} on one side only, or in a form that could not be given to it"


def output_unknown(site: str, part: str) -> str:
    """Say that part of what a call gives has no partner in the reference, or may be meant in several forms."""
    what = part or "something"
    return f"{site} gives {what}, which the reference's call does not, or in a form that nothing shows: it could not be compared"


def raises(site: str, error: str) -> str:
    """Say that a call raises when it is given the reference's values."""
    return f"{site} raises when it is given the reference's inputs ({error}), so that nothing is proved of it"


def stirred_fails(why: str) -> str:
    """Say that the port does not run with the reference's stirred weights."""
    return f"the port does not run with the reference's stirred weights, so that only its own were asked about: {why}"


def one_of(pieces: Sequence[str], roots: Sequence[str], leaks: Sequence[str] = ()) -> str:
    """Say that values cannot tell which of some pieces of code, which make ``roots`` wrong, is wrong; ``leaks`` are among them."""
    if leaks:
        why = (
            f"what else than {'its output' if len(leaks) == 1 else 'their outputs'} {listed(leaks)} "
            f"hand{'s' if len(leaks) == 1 else ''} on (by a list, a global variable, an attribute, a number) was neither given nor compared"
        )
    else:
        why = "what they hand each other is not what the reference's do, and may be meant so"
    return (
        f"{listed(pieces)}: a fault lies in the own code of one of them at least. Values cannot tell in which: {why}. "
        f"Together they make {listed(roots)} wrong"
    )


def left_of(root: str, piece: str) -> str:
    """Say that a region is wrong, and that all of it but one piece is innocent."""
    return f"{root} is wrong, and of all the code that makes it so only that of {piece} was not right elsewhere"


def without_partner(site: str, names: Sequence[str]) -> str:
    """Say what a call is handed that could not be set beside what it is handed on the other side."""
    return f"{site} is handed {listed(names)} on one side only, or of another kind: nothing of that was compared"


def first_wrong(site: str, value: str) -> str:
    """Say which value is the first that is wrong in a region, in execution order."""
    return f"the first wrong value in it, in execution order: {site} is handed {value}"


def elsewhere(sites: Sequence[str]) -> str:
    """Say which calls mean another thing in the port and do no harm."""
    return (
        f"{listed(sites)}: handed or giving another value than the reference's call of that name, while what is around "
        "is right: code is placed otherwise there, and does no harm"
    )


def not_excused(root: str) -> str:
    """Say that the bound of probes kept one question from being asked."""
    return f"whether {root} is but another way of writing was not asked: as many probes were run as were announced"


def too_many_passes(weights: str) -> str:
    """Say that the calls of two sides could not be told apart within the bound."""
    return f"with {weights} no calls could be found, within the probes announced, at which the port can be compared"
