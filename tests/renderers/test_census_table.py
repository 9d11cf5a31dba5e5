"""The drawn table of parameters: short, and adding up whatever is left out of it."""

import io
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import described, module, pair_of, tensor
from rich.console import Console

from bisect_tool.checks.preflight.census import census
from bisect_tool.renderers.census import MOST_ROWS, census_table
from bisect_tool.report.parts import CensusRow


def drawn(ours, theirs, rules=()):
    """Draw the census of two models that have one-dimensional tensors of these sizes, or buffers where it is negative."""
    models = [described(modules_of(sizes), tensors_of(sizes)) for sizes in (ours, theirs)]
    console = Console(file=io.StringIO(), width=120)
    console.print(census_table([CensusRow.model_validate(row) for row in census(pair_of(*models, rules))]))
    return [line.rstrip() for line in console.file.getvalue().splitlines()][3:]


def modules_of(sizes):
    paths = [path for name in sizes for path in itertools.accumulate(name.split(".")[:-1], "{}.{}".format)]
    return [module(path) for path in dict.fromkeys(paths)]


def tensors_of(sizes):
    return [tensor(n, (abs(size),), kind="parameter" if size >= 0 else "buffer") for n, size in sizes.items()]


def adds_up(lines):
    """Tell whether the rows that have none deeper below them are the total."""
    rows = [(len(line) - len(line.lstrip()), numbers(line)) for line in lines]
    leaves = [row for (depth, row), (below, _) in zip(rows[:-1], rows[1:], strict=True) if below <= depth]
    return [sum(side) for side in zip(*leaves, strict=True)] == rows[-1][1]


def numbers(line):
    """Return what the reference and the port have, without the differences, which have a sign."""
    return [int(word.replace(",", "")) for word in re.split(r"  +", line.strip())[1:] if word[0] not in "+-"]


def test_parts_are_indented_and_differences_signed():
    """A row for each module with the difference, then the total; no columns of buffers where there are none."""
    lines = drawn({"neck.w": 1000, "head.a.w": 7, "head.b.w": 1}, {"neck.w": 1000, "head.a.w": 5, "head.b.w": 1})
    assert [re.sub(r"  +", " ", line.strip()) for line in lines] == [
        "neck 1,000 1,000",
        "head 8 6 -2",
        "a 7 5 -2",
        "b 1 1",
        "total 1,008 1,006 -2",
    ]
    assert [line.index(line.strip()) for line in lines] == [0, 0, 2, 2, 0]
    assert adds_up(lines)


def test_the_tensors_of_an_open_module_have_a_row():
    """What lies in a module directly, and what lies in none, is told so."""
    lines = drawn({"a.w": 1, "a.b.w": 2, "x": 3}, {"a.w": 2, "a.b.w": 2, "x": 3})
    assert [re.split(r"  +", line.strip())[0] for line in lines] == ["(in no module)", "a", "(its own)", "b", "total"]


def test_the_names_of_the_port_are_said_where_they_are_others():
    """A renamed module has both names; what lies in it with the same name has one."""
    ours, theirs = {"a.bn.w": 4, "a.c.w": 4, "d.w": 2}, {"z.norm.w": 5, "z.c.w": 4, "d.w": 2}
    lines = drawn(ours, theirs, [(r"^a\.", "z."), (r"\.bn\.", ".norm.")])
    assert [re.split(r"  +", line.strip())[0] for line in lines] == ["a = z", "bn = norm", "c", "d", "total"]


@pytest.mark.parametrize("top", ["", "model."])
def test_of_many_rows_those_that_differ_are_drawn(top):
    """The module that differs is among them, and the others are summed."""
    ours = {f"{top}{n}.{part}.w": 10 + n for n in range(30) for part in "ab"}
    lines = drawn(ours, ours | {f"{top}25.b.w": 99})
    assert len(lines) == MOST_ROWS + 1
    assert any(re.match(r" *b +35 +99 +\+64$", line) for line in lines)
    assert re.match(r"1\d others ", lines[-2])
    assert adds_up(lines)


NAMES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(lambda path: ".".join([*path, "w"]))
MODELS = st.dictionaries(NAMES, st.integers(-30, 30), min_size=20, max_size=60)


@settings(max_examples=50, deadline=None)
@given(MODELS, MODELS)
def test_what_is_drawn_adds_up(ours, theirs):
    """Whatever is left out is in the last row before the total."""
    theirs = theirs | {"e.w": 1000, "f.w": -1}
    lines = drawn(ours | {"f.w": -1}, theirs)
    assert len(lines) <= MOST_ROWS + 1
    assert adds_up(lines)
