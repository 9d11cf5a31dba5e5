"""What a line rests on that nothing clears: the lines that are named beside the one that is blamed."""

from __future__ import annotations

import pytest

from bisect_tool.axes.lines.reads import unclear_before
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.probes.handed import Variable
from bisect_tool.sites import STEP, Site

SOURCE = """\
def helper(x):
    y = x * 2
    return y
def loss(out):
    a = out + 1
    b = a * 3
    b[0] = 0
    c = helper(a)
    total = (
        b + c
    )
    b, other = total, self.scale
    if other > 1:
        kept = b
    return kept
""".splitlines()


def variable(site: str, line: int, *, passed: bool = False) -> Variable:
    """An assignment at a line of the source above."""
    return Variable(Site(site), STEP, passed, f"f.py:{line}", (("", (), "float32"),))


ASSIGNED = [
    variable("loss:out", 20, passed=True), variable("loss:a", 5), variable("loss:b", 6), variable("loss:b#2", 7),
    variable("helper:x", 8, passed=True), variable("helper:y", 2), variable("helper:return", 3), variable("loss:c", 8),
    variable("loss:total", 9), variable("loss:b#3", 12), variable("loss:other", 12), variable("loss:kept", 14),
    variable("loss:return", 15),
]  # fmt: skip
EXCERPTS = {
    f"f.py:{number}": Excerpt(
        file="f.py", line=number, first=max(1, number - 3), text=tuple(SOURCE[max(0, number - 4) : number + 3])
    )
    for number in range(1, len(SOURCE) + 1)
}


TWICE = [
    variable("helper:x", 8, passed=True), variable("helper:y", 2), variable("helper:return", 3), variable("loss:c", 8),
    variable("helper:x#2", 8, passed=True), variable("helper:y#2", 2), variable("helper:return#2", 3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("culprit", "unclear", "found"),
    [
        ("loss:total", "", []),
        ("loss:total", "loss:b loss:b#2", ["loss:b", "loss:b#2"]),
        ("loss:total", "loss:c helper:return helper:y", ["helper:y", "helper:return", "loss:c"]),
        ("loss:total", "helper:return loss:a", []),  # c agrees: what it was computed from is cleared with it
        ("loss:c", "helper:return helper:y", ["helper:y", "helper:return"]),
        ("loss:b#3", "loss:other loss:total", ["loss:total"]),  # what a line assigns itself it does not read
        ("loss:other", "loss:b#3 loss:total", []),  # each of two names has its own expression
        ("loss:return", "loss:kept loss:b#3 loss:total", ["loss:total", "loss:b#3", "loss:kept"]),
        ("helper:x", "loss:a", ["loss:a"]),  # what is passed is read by the caller
    ],
)
def test_what_a_line_reads_is_followed_back_as_far_as_nothing_clears_it(
    culprit: str, unclear: str, found: list[str]
) -> None:
    """By the names in the line, and by the functions that it calls."""
    by_site = {v.site: v for v in ASSIGNED}
    result = unclear_before(by_site[Site(culprit)], ASSIGNED, EXCERPTS, lambda v: v.site not in unclear.split())
    assert [v.site for v in result] == found


@pytest.mark.parametrize(
    ("unclear", "found"),
    [
        ("helper:y helper:return", []),
        ("helper:y#2", ["helper:y#2"]),
        ("helper:y helper:x helper:y#2 helper:x#2", ["helper:x#2", "helper:y#2"]),
    ],
)
def test_an_earlier_call_of_the_same_function_is_not_read(unclear: str, found: list[str]) -> None:
    """Variables of one name are those of the call that the line runs in."""
    result = unclear_before(TWICE[-1], TWICE, EXCERPTS, lambda v: v.site not in unclear.split())
    assert [v.site for v in result] == found


PARTS = """\
def loss(out):
    a = out + 1
    box, cls = helper(a), 2 * a
    other = a
    return {"box": box + other, "cls": cls}
""".splitlines()
IN_PARTS = [
    variable("loss:a", 2), variable("helper:return", 9), variable("loss:box", 3), variable("loss:cls", 3),
    variable("loss:other", 4), variable("loss:return", 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("culprit", "off", "found"),
    [
        ("loss:return", "box", ["loss:a", "helper:return", "loss:box", "loss:other"]),
        ("loss:return", "cls", ["loss:a", "loss:cls"]),
        ("loss:return", "", ["loss:a", "helper:return", "loss:box", "loss:cls", "loss:other"]),
    ],
)
def test_only_what_makes_the_parts_that_are_off_is_followed_back(culprit: str, off: str, found: list[str]) -> None:
    """A part that agrees was compared; each of two names that are assigned together has its own expression too."""
    excerpts = {
        f"f.py:{number}": Excerpt(file="f.py", line=number, first=1, text=tuple(PARTS))
        for number in range(1, len(PARTS) + 1)
    }
    by_site = {v.site: v for v in IN_PARTS}
    paths = {culprit: (off,)}
    result = unclear_before(
        by_site[Site(culprit)], IN_PARTS, excerpts, lambda _v: False, lambda v: paths.get(v.site, ("",))
    )
    assert [v.site for v in result] == found


def test_what_a_statement_calls_is_read_by_all_that_it_assigns() -> None:
    """Not only by the first of its names."""
    pair = [variable("loss:a", 2), variable("helper:return", 9), variable("loss:x", 3), variable("loss:y", 3)]
    excerpts = {"f.py:3": Excerpt(file="f.py", line=3, first=3, text=("    x, y = helper(a)",))}
    for culprit in pair[2:]:
        result = unclear_before(culprit, pair, excerpts, lambda _v: False)
        assert [v.site for v in result] == ["loss:a", "helper:return"]


def test_what_only_keeps_what_a_function_returned_is_cleared_with_that() -> None:
    """What it passes the function is cleared by what comes back; of another function's value it says nothing."""
    assigned = [
        variable("helper:x", 8, passed=True), variable("helper:return", 3), variable("loss:c", 8),
        variable("loss:total", 9),
    ]  # fmt: skip
    for returned, found in (("helper:return", []), ("other:return", ["loss:c"])):
        before = [assigned[0], variable(returned, 3), *assigned[2:]]
        result = unclear_before(before[-1], before, EXCERPTS, lambda v: v.name == "return")
        assert [v.site for v in result] == found


HELPER = """\
def helper(x):
    return x * 2
def update():
    kept = dict(model.named())
    model.w = kept["w"] * helper(3)
def loss(out):
    a = helper(out)
    update()
    return a
""".splitlines()


def test_what_ran_before_a_function_was_called_is_not_called_by_its_first_statement() -> None:
    """It has no parameter that would tell when it began; its caller's last statement does."""
    assigned = [
        variable("loss:out", 12, passed=True), variable("helper:x", 7, passed=True), variable("helper:return", 2),
        variable("loss:a", 7), variable("update:kept", 4), variable("helper:x#2", 5, passed=True),
        variable("helper:return#2", 2), variable("update:model.w", 5), variable("loss:return", 9),
    ]  # fmt: skip
    excerpts = {
        f"f.py:{number}": Excerpt(file="f.py", line=number, first=1, text=tuple(HELPER)) for number in range(1, 10)
    }
    excerpts["f.py:12"] = Excerpt(file="f.py", line=12, first=12, text=("loss(net(x))",))
    by_site = {v.site: v for v in assigned}

    def found(site: str) -> list[str]:
        return [v.site for v in unclear_before(by_site[Site(site)], assigned, excerpts, lambda _: False)]

    assert found("update:kept") == []
    assert found("update:model.w") == ["update:kept", "helper:x#2", "helper:return#2"]
