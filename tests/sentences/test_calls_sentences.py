"""What is said of calls, sentence by sentence."""

import math

import pytest

from bisect_tool.sentences import calls, labels

SHAPE = "shape [2], reference [3]"


@pytest.mark.parametrize(
    ("error", "mismatch", "verb", "noun"),
    [
        (0.7559, None, "is off by 75.59 %", "a value that is off by 75.59 %"),
        (9.999, None, "is off by 999.90 %", "a value that is off by 999.90 %"),
        (12.34, None, "is off by 12.3 times its size", "a value that is off by 12.3 times its size"),
        (1e-4, None, "is off by 0.01 %", "a value that is off by 0.01 %"),
        (2e-5, None, "is off by 2.0e-05 (relative)", "a value that is off by 2.0e-05 (relative)"),
        (math.inf, None, "is off by inf times its size", "a value that is off by inf times its size"),
        (math.inf, SHAPE, f"gives {SHAPE}", SHAPE),
    ],
)
def test_how_far_a_value_is_off(error, mismatch, verb, noun):
    """A share, a multiple, a small number; or why it does not compare."""
    assert calls.off_by(error, mismatch) == verb
    assert calls.value_off(error, mismatch) == noun


@pytest.mark.parametrize(
    ("exact", "floor", "said"),
    [
        (None, 2e-5, ""),
        (math.inf, 0.0, ""),
        (0.7559, 2e-5, "; in float64 by 75.59 %, 37,795 times what rounding explains (2e-05)"),
        (50.0, 2e-5, "; in float64 by 5000.00 %, 2.5e+06 times what rounding explains (2e-05)"),
    ],
)
def test_a_call_that_is_off(exact, floor, said):
    """What float64 says is added where it was asked and is a number."""
    off = calls.off_by(0.7559)
    assert calls.call_is_off("net.act", off, exact, floor) == (
        f"net.act is off by 75.59 %, from the reference's inputs and weights{said}"
    )
    assert calls.own_code_is_off("net", [], off, exact, floor) == (
        f"net's own code (not the layers inside it) is off by 75.59 %{said}"
    )


def test_calls_inside_it_that_were_not_compared_are_blamed_with_a_container():
    """The first three are named, and more are counted."""
    assert calls.own_code_is_off("net", ["net.a"], calls.off_by(0.5), None, 2e-5) == (
        "net's own code, or that of net.a inside it, which could not be compared, is off by 50.00 %"
    )
    unseen = [f"net.{letter}" for letter in "abcde"]
    assert "or that of net.a, net.b, net.c and 2 more inside it" in calls.own_code_is_off("net", unseen, "", None, 1.0)


@pytest.mark.parametrize(
    ("others", "also"), [(0, ""), (1, " and 1 other call like it"), (1200, " and 1,200 other calls like it")]
)
def test_another_setting(others, also):
    """The port's, the reference's, and whom it concerns."""
    assert calls.other_setting("eps", 1e-5, 1e-3, "net.bn", others) == f"eps 1e-05, reference 0.001: net.bn{also}"


def test_who_hands_on_another_value():
    """A container hands a call a value; step may have it from the batch."""
    value = calls.value_off(0.05)
    assert calls.hands_on("net", "net.act", value) == (
        "net's own code hands net.act a value that is off by 5.00 %, although all that it computes this from is the reference's"
    )
    assert (
        calls.step_hands_on("net") == "net is handed other inputs than the reference's: the code of step, or the batch"
    )


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            calls.loss_is_wrong("loss", "net"),
            (
                "once all that the code of step reads is the reference's, loss still diverges: "
                "the fault lies after the last layer (net), in the loss"
            ),
        ),
        (
            calls.only_rounds("net", calls.off_by(0.001), 1e-7),
            "net is off by 0.10 % from the reference's inputs: rounding, since in float64 it is off by 1.0e-07",
        ),
    ],
)
def test_what_else_is_found(sentence, expected):
    """The loss, and rounding."""
    assert sentence == expected


def test_the_values_of_a_call_have_names():
    """What it is handed, and what it gives."""
    assert calls.inputs_of("net") == "what net is handed"
    assert calls.output_of("net") == "the value of net"


def test_what_proves_a_call_that_no_target_shows():
    """Its own output, or what it is handed, is the proof."""
    assert calls.shown_by_itself("net", calls.value_off(0.5)) == (
        "everything before net patched: it gives a value that is off by 50.00 %"
    )
    assert calls.shown_by_its_inputs("net", SHAPE) == f"everything patched: net is handed {SHAPE}"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (calls.fails(labels.EVERY_LAYER, "killed"), "the port fails with every layer patched: killed"),
        (calls.fails(labels.REFERENCE_WEIGHTS, "killed"), "the port fails with the reference's weights: killed"),
        (calls.fails(labels.CULPRITS_HELD, "killed"), "the port fails with the culprits held: killed"),
        (calls.stopped_after(12), "stopped after 12 culprits: there may be more"),
    ],
)
def test_what_could_not_be_settled(sentence, expected):
    """Each says what failed, or why it proves nothing."""
    assert sentence == expected


def test_what_could_not_be_given():
    """Calls, parts of the batch and tensors; a guess is shown with its partner."""
    assert calls.outermost_not_given(["a", "b"]).startswith("no call of the port is known to be a, b")
    assert calls.batch_not_given(["x"]) == "the port did not get the reference's batch: x is on one side only"
    assert calls.state_not_given(["w"]) == (
        "w could not be given the reference's value (no partner or another shape in the port)"
    )
    assert calls.state_guessed([("a.w", "b.w")]) == (
        "a.w = b.w is matched by shape and order only: say which is which with a rename rule"
    )
