"""Which expressions make another value of right ones, of values that are made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bisect_tool.axes.lines.expressions import Known, Traced, traced
from bisect_tool.probes.handed import Value, Values
from bisect_tool.sites import Site

A, B, C = (np.random.default_rng(seed).standard_normal(40) for seed in range(3))


class Run:
    """What a run of one function ``f`` gives: each expression is found in its line of text, and evaluated in order."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.rows: list[Value] = []
        self.arrays: dict[str, np.ndarray] = {}

    def gives(self, number: int, text: str, value: object, *, of: int | None = None) -> Run:
        """Note an expression in a line, and that it gives the very value of row ``of``, if so."""
        start = self.lines[number - 1].index(text)
        return self._noted(f"f:@{number}:{start}", number, (number, start, number, start + len(text)), text, value, of)

    def assigns(self, number: int, name: str, of: int) -> Run:
        """Note that a line assigns what a row gave."""
        return self._noted(f"f:{name}", number, None, "", self.arrays[f"t{of}"], of)

    def _noted(self, site: str, line: int, span: object, text: str, value: object, of: int | None) -> Run:
        number = len(self.rows)
        self.arrays[f"t{number}"] = np.asarray(value)
        first = number if of is None else of
        self.rows.append(Value(Site(site), f"a.py:{line}", span, text, (("", f"t{number}", first),)))  # type: ignore[arg-type]
        return self

    def values(self) -> Values:
        """Return what was noted."""
        return Values(tuple(self.rows), self.arrays)


def follow(port: Run, reference: Run, variable: str) -> Traced:
    """Follow a variable of the port back."""
    return traced(port.values(), {(Site(f"f:{variable}"), "")}, Known(port.values(), reference.values()))


def texts(found: Traced) -> Sequence[str]:
    """Return the makers' texts."""
    return [maker.text for maker in found.makers]


REFERENCE = (
    Run("y = (a * b).exp()")
    .gives(1, "a", A)
    .gives(1, "b", B)
    .gives(1, "a * b", A * B)
    .gives(1, "(a * b).exp()", np.exp(A * B))
).assigns(1, "y", 3)


def test_the_innermost_expression_that_is_off_is_named() -> None:
    """What is computed of it is off for its sake."""
    port = Run("y = (a + b).exp()").gives(1, "a", A).gives(1, "b", B).gives(1, "a + b", A + B)
    port.gives(1, "(a + b).exp()", np.exp(A + B)).assigns(1, "y", 3)
    assert texts(follow(port, REFERENCE, "y")) == ["a + b"]


def test_one_more_operation_is_named_though_its_operand_is_all_that_the_reference_has() -> None:
    """And one that lacks: the value that is off is so by its partner, be it known elsewhere."""
    port = Run("y = (a * b).exp().log()").gives(1, "a", A).gives(1, "b", B).gives(1, "a * b", A * B)
    port.gives(1, "(a * b).exp()", np.exp(A * B)).gives(1, "(a * b).exp().log()", A * B + 0.0).assigns(1, "y", 4)
    assert texts(follow(port, REFERENCE, "y")) == ["(a * b).exp().log()"]
    assert texts(follow(REFERENCE, port, "y")) == ["(a * b).exp()"]


def test_a_variable_goes_back_to_the_line_that_made_it() -> None:
    """By the value itself, whatever its names and the calls between; lines on the way that are right are not passed."""
    port = Run("c = a - b", "y = c.exp()", "unused = a + b").gives(1, "a", A).gives(1, "b", B).gives(1, "a - b", A - B)
    port.assigns(1, "c", 2).gives(2, "c", A - B, of=2).gives(2, "c.exp()", np.exp(A - B)).assigns(2, "y", 5)
    found = follow(port, REFERENCE, "y")
    assert texts(found) == ["a - b"]
    assert found.places == {"a.py:1", "a.py:2"}


def test_what_is_written_otherwise_has_several_makers() -> None:
    """Nothing tells which of them is the mistake."""
    port = Run("y = a.exp() + b.exp()").gives(1, "a", A).gives(1, "a.exp()", np.exp(A)).gives(1, "b", B)
    port.gives(1, "b.exp()", np.exp(B)).gives(1, "a.exp() + b.exp()", np.exp(A) + np.exp(B)).assigns(1, "y", 4)
    assert texts(follow(port, REFERENCE, "y")) == ["a.exp()", "b.exp()"]


def test_a_variable_that_has_another_value_than_the_other_side_s_of_its_name_is_off() -> None:
    """Be that value right elsewhere: an operation is missing where it is assigned, and not where it is read."""
    reference = Run("s = (a - b).clip(0)", "y = s.exp()").gives(1, "a", A).gives(1, "b", B).gives(1, "a - b", A - B)
    reference.gives(1, "(a - b).clip(0)", (A - B).clip(0)).assigns(1, "s", 3).gives(2, "s", (A - B).clip(0), of=3)
    reference.gives(2, "s.exp()", np.exp((A - B).clip(0))).assigns(2, "y", 6)
    port = Run("s = a - b", "y = s.exp()").gives(1, "a", A).gives(1, "b", B).gives(1, "a - b", A - B).assigns(1, "s", 2)
    port.gives(2, "s", A - B, of=2).gives(2, "s.exp()", np.exp(A - B)).assigns(2, "y", 5)
    assert texts(follow(port, reference, "y")) == ["a - b"]
    assert texts(follow(reference, port, "y")) == ["(a - b).clip(0)"]


def test_rounding_makes_no_difference() -> None:
    """Nor does another shape of the same values in the same order."""
    port = (
        Run("y = (a * b).exp() + 1")
        .gives(1, "a", A)
        .gives(1, "b", B)
        .gives(1, "a * b", (A * B * (1 + 1e-6)).reshape(4, 10))
    )
    port.gives(1, "(a * b).exp()", np.exp(A * B)).gives(1, "(a * b).exp() + 1", np.exp(A * B) + 1).assigns(1, "y", 4)
    assert texts(follow(port, REFERENCE, "y")) == ["(a * b).exp() + 1"]


@pytest.mark.parametrize(("value", "named"), [(2.0, ["a * self.alpha"]), (3.0, ["self.alpha"])])
def test_a_number_has_its_partner_by_its_name(value: float, named: list[str]) -> None:
    """Another number with that name is what is wrong; what is called otherwise tells nothing."""
    reference = (
        Run("y = a * self.alpha + 3.0").gives(1, "a", A).gives(1, "self.alpha", 2.0).gives(1, "a * self.alpha", 2 * A)
    )
    reference.gives(1, "3.0", 3.0).gives(1, "a * self.alpha + 3.0", 2 * A + 3).assigns(1, "y", 4)
    port = Run("y = a * self.alpha").gives(1, "a", A).gives(1, "self.alpha", value).gives(1, "a * self.alpha", C)
    assert texts(follow(port.assigns(1, "y", 2), reference, "y")) == named


def test_a_number_that_is_written_down_is_part_of_what_reads_it() -> None:
    """Unless it is all that a variable is given."""
    port = Run("y = a * 7", "k = 7").gives(1, "a", A).gives(1, "7", 7).gives(1, "a * 7", 7 * A).assigns(1, "y", 2)
    port.gives(2, "7", 7).assigns(2, "k", 4)
    assert texts(follow(port, REFERENCE, "y")) == ["a * 7"]
    assert texts(follow(port, REFERENCE, "k")) == ["7"]
