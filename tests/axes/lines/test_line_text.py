"""What the text of a statement reads: as a whole, or for the parts of its value that are off."""

from __future__ import annotations

import pytest

from bisect_tool.axes.lines.text import WHOLE, Reads, argument, handed_at, made_at, only_called, passed_on, reads
from bisect_tool.captures.manifest import Excerpt


def read(text: str, name: str, paths: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """The names that a statement reads, and the functions that only its other parts call."""
    excerpts = {"f.py:7": Excerpt(file="f.py", line=7, first=7, text=tuple(text.splitlines()))}
    found = reads("f.py:7", name, excerpts, paths)
    return set(found.names), set(found.elsewhere)


@pytest.mark.parametrize(
    ("text", "name", "paths", "names", "elsewhere"),
    [
        ("    return {'box': a / n, 'cls': f(b)}", "return", ("box",), {"a", "n"}, {"f"}),
        ("    return {'box': a / n, 'cls': f(b)}", "return", ("box", "cls"), {"a", "n", "f", "b"}, set()),
        ("    return {'box': a / n, 'cls': f(b)}", "return", WHOLE, {"a", "n", "f", "b"}, set()),
        ("    return {'box': a / n, 'cls': f(b)}", "return", ("0",), {"a", "n", "f", "b"}, set()),
        ("    return {'box': a, **other}", "return", ("box",), {"a", "other"}, set()),
        ("    return {'a': x, 'a.b': y}", "return", ("a.b",), {"x", "y"}, set()),
        ("    return a, (g(b), [c, d])", "return", ("1.1.0",), {"c"}, {"g"}),
        ("    return (\n        f(a),\n        f(b),\n    )", "return", ("1",), {"f", "b"}, set()),
        ("    return *a, b", "return", ("1",), {"a", "b"}, set()),
        ("    return helper(a, b)", "return", ("1",), {"helper", "a", "b"}, set()),
        ("    out = [a, b]", "out", ("1",), {"b"}, set()),
        ("    out = [a, (y := b)]", "y", ("0",), {"a", "b", "y"}, set()),
        ("    w, h = f(a), g(b)", "h", WHOLE, {"g", "b"}, {"f"}),
        ("    w, w = f(a), g(b)", "w", WHOLE, {"f", "a", "g", "b"}, set()),
        ("    w, h = sizes", "h", WHOLE, {"sizes"}, set()),
        ("    self.w, h = a, b", "h", WHOLE, {"a", "b"}, set()),
        ("    a = b = c, d", "a", ("0",), {"c", "d"}, set()),
        ("    x[i] = a, b", "x", ("0",), {"a", "b", "i"}, set()),
        ("    for x in a, b:", "x", ("0",), {"x", "a", "b"}, set()),
    ],
)
def test_a_part_that_is_written_out_reads_what_its_own_element_does(
    text: str, name: str, paths: tuple[str, ...], names: set[str], elsewhere: set[str]
) -> None:
    """Of anything else nothing tells which part reads what: all of the statement counts."""
    assert read(text, name, paths) == (names, elsewhere)


@pytest.mark.parametrize(
    ("text", "name", "function"),
    [
        ("    goal = deltas(boxes[best], anchors)", "goal", "deltas"),
        ("    goal = self.coder.encode(\n        boxes,\n    )", "goal", "encode"),
        ("    goal = deltas(boxes) / 2", "goal", None),
        ("    goal, other = deltas(boxes)", "goal", None),
        ("    self.goal = deltas(boxes)", "self.goal", None),
        ("    goal = deltas(y := boxes)", "y", None),
        ("    goal = make()(boxes)", "goal", None),
        ("    return deltas(boxes)", "return", None),
        ("    goal = (", "goal", None),
    ],
)
def test_a_variable_that_is_nothing_but_what_a_function_returns(text: str, name: str, function: str | None) -> None:
    """Then its line does no more than to call that."""
    excerpts = {"f.py:7": Excerpt(file="f.py", line=7, first=7, text=tuple(text.splitlines()))}
    assert only_called("f.py:7", name, excerpts) == function


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("y = turn(a, g(b), k=c)", "first", Reads(frozenset({"a"}), frozenset({"turn", "g"}), calls=False)),
        ("y = turn(a, g(b), k=c)", "second", Reads(frozenset({"g", "b"}), frozenset({"turn"}), calls=True)),
        ("y = turn(a, g(b), k=c)", "k", Reads(frozenset({"c"}), frozenset({"turn", "g"}), calls=False)),
        ("y = turn(a, g(b), k=c)", "eps", Reads(calls=False)),  # its default
        ("y = turn(turn(a, b), c)", "first", None),
        ("y = turn(*all)", "first", None),
        ("y = turn(a, **more)", "eps", None),
        ("y = other(a)", "first", None),
    ],
)
def test_a_parameter_is_made_by_what_the_function_is_handed_for_it(text: str, name: str, found: Reads | None) -> None:
    """By its place or its name; where it cannot be told, by all that the statement reads."""
    excerpts = {"f.py:7": Excerpt(file="f.py", line=7, first=7, text=(text,))}
    assert argument("f.py:7", "Net.turn", ["first", "second", "k", "eps"], name, excerpts) == found


@pytest.mark.parametrize(
    ("text", "name", "path", "found"),
    [
        ("box = total / n", "box", "", {"total": False, "n": False}),
        ("box = -total / n", "box", "", {"n": False}),
        ("box = 2 * f(total) / n * n", "box", "", {}),
        ("box = total + n", "box", "", {}),
        ("box = n", "box", "", {"n": True}),
        ("return box, cls / n", "return", "0", {"box": True}),
        ("return box, cls / n", "return", "1", {"cls": False, "n": False}),
        ("box[0] = n", "box", "", {}),
        ("if n > 1:", "n", "", {}),
    ],
)
def test_what_is_passed_on_is_told_by_products_alone(text: str, name: str, path: str, found: dict[str, bool]) -> None:
    """With whether it is all of a part; what stands in it twice may undo itself."""
    excerpt = Excerpt(file="f.py", line=1, first=1, text=(text,))
    assert passed_on("f.py:1", name, {"f.py:1": excerpt}, (path,)) == found


OVER_LINES = """return {
    "box": box,
    "cls": near(
        cls,
        rate=2,
    ),
}
""".splitlines()


def test_the_line_of_a_part_is_where_it_begins() -> None:
    """Of all of a value it is the statement's; of what a call hands over, that of the argument."""
    excerpts = {"f.py:7": Excerpt(file="f.py", line=7, first=7, text=tuple(OVER_LINES))}
    found = [made_at("f.py:7", "return", excerpts, paths) for paths in (WHOLE, ("box",), ("cls",), ("cls", "box"))]
    assert found == ["f.py:7", "f.py:8", "f.py:9", "f.py:8"]
    handed = [handed_at("f.py:7", "near", ["x", "rate", "more"], name, excerpts) for name in ("x", "rate", "more")]
    assert handed == ["f.py:10", "f.py:11", "f.py:7"]
    assert handed_at("f.py:7", "far", ["x"], "x", excerpts) == made_at("f.py:7", "x", {}, ("0",)) == "f.py:7"
