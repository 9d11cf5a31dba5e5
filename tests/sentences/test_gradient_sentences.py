"""What is said of gradients, from names and numbers alone."""

from __future__ import annotations

import pytest

from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import Edge


@pytest.mark.parametrize(
    ("edge", "gradient", "line"),
    [
        (Edge("net", "state", "net.weight"), "net.weight", "net.weight"),
        (Edge("net", "output", ""), "the output of net", "the output of net"),
        (Edge("net", "output", "1"), "the output of net (1)", "the output of net (1)"),
        (Edge("net", "inputs", "0.0"), "the input of net", "what net is given"),
        (Edge("net", "inputs", "0.1"), "the input of net (1)", "what net is given"),
    ],
)
def test_a_place_is_named(edge: Edge, gradient: str, line: str) -> None:
    """A parameter by its name, an output and an input by the call."""
    assert (sentences.gradient_of(edge), sentences.read_by_line(edge)) == (gradient, line)


def test_a_pass_that_fails_ends_in_one_full_stop() -> None:
    """What the framework says may end in one of its own."""
    assert sentences.backward_fails("RuntimeError at a.py:1: no.") == (
        "the port's backward pass fails (RuntimeError at a.py:1: no)"
    )
    assert sentences.pieces_fail("killed").endswith("gradients are computed separately (killed)")


def test_what_is_not_known_is_said() -> None:
    """One or several."""
    assert sentences.unpaired(["a"]) == (
        "the gradient of a is not compared: without a sure partner of that shape in the port"
    )
    assert sentences.unpaired(["a", "b"]).startswith("the gradients of a, b are not compared: ")
    assert sentences.handed_otherwise(["m"]).startswith("in m a call is handed other arguments than in the reference")
    assert sentences.once_right("it is off") == (
        "it is off; whether the backward pass makes them so can be asked once the code is right"
    )


def test_a_quantity_of_all_gradients_may_be_off_alone() -> None:
    """With its value, or without one."""
    assert sentences.only_together("grad_norm", 2.5).startswith("grad_norm is 2.5, further off than it may be, yet")
    assert sentences.only_together("grad_norm", None).startswith("grad_norm has no value, yet")


def test_a_variable_is_named_by_its_site() -> None:
    """And so is the statement that assigns it; that of the targets has a name of its own."""
    assert sentences.read_by_line(Edge("f:x#2", "value")) == "f:x#2"
    assert sentences.read_by_line(Edge("targets")) == "targets"


def test_what_was_put_right_is_said() -> None:
    """Or that nothing was."""
    assert sentences.put_right([]) == "nothing put right"
    assert sentences.put_right(["a", "b"]) == "a, b put right"
    assert sentences.only_wrong([]) == "all else as it is"
    assert sentences.only_wrong(["a"]) == "a put right"
    assert sentences.also_off("a put right", ["w"]) == "a put right: the gradients of w are off"
    assert sentences.passing_on(["a"]) == "a passing the reference's gradients on"


def test_who_gets_none_is_said() -> None:
    """With where the gradient was right last."""
    assert (
        sentences.passes_nothing("net", ["a"], none=True)
        == "the gradient at the output of net is right; a gets no gradient"
    )
    assert sentences.passes_nothing(None, ["a", "b"], none=False) == (
        "the losses are right, and so is every layer by itself; a, b get a gradient that is exactly zero"
    )


def test_how_a_gradient_differs_is_said() -> None:
    """By its factor, its sign, its share."""
    assert sentences.multiple(2.0) == "2 times the reference's"
    assert sentences.multiple(4.0, batch=4) == "4 times the reference's (the batch has 4)"
    assert sentences.multiple(0.25, over_batch=4) == "0.25 times the reference's (1 over the batch's 4)"
    assert sentences.off_by(0.4, 0, 100) == "one that is off by 40.00%"
    assert (
        sentences.off_by(0.4, 1, 1000)
        == "one that is off by 40.00%: 0 at 1 place of 1,000 where the reference's is not"
    )


def test_a_line_says_what_it_passes() -> None:
    """To what it reads; of a call that is given something once."""
    loss, x, given = Edge("f:loss", "value"), Edge("f:x", "value", ""), Edge("net", "inputs")
    assert sentences.statement_passes(loss, x, "no gradient") == "f:loss passes no gradient to f:x"
    assert sentences.statement_passes(given, given, "no gradient") == "what net is given passes no gradient"
    assert sentences.stopped_in_place(x).startswith("f:x, assigned here, is stopped in place")
    assert sentences.at_line("port.py:3", None, "said") == "port.py:3: said"
    assert sentences.at_line("port.py:3", "ref.py:2", "said") == "port.py:3 (reference ref.py:2): said"
