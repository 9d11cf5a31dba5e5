"""Which variables are of another kind than the reference's, and which are only written otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from manifests import described, manifest

from bisect_tool.axes.crash.kinds import of_another_kind, read_where_it_raises
from bisect_tool.captures.manifest import Excerpt, Manifest
from bisect_tool.probes.handed import Part, Raised, Survey, Variable
from bisect_tool.sites import STEP, Site

ONE = {"tensor": "x"}
PAIR = {"tuple": [{"tensor": "x"}, {"tensor": "y"}]}


def reference(value: dict[str, Any], dtype: str, shape: tuple[int, ...], site: str = "step:best") -> Manifest:
    """Return the manifest of a reference that assigns one variable."""
    entry = {"file": "shard-0000.safetensors", "shape": list(shape), "dtype": dtype, "hash": "00000000-0"}
    row = {"site": site, "kind": "assigned", "around": None, "after": 0, "place": "ref.py:2", "value": value}
    return Manifest.model_validate(manifest(described(), variables=[row], tensors={"x": entry, "y": entry}))


def port(*parts: Part, class_: str = "Tensor", site: str = "step:best", passed: bool = False) -> Variable:
    """Return the port's assignment."""
    return Variable(Site(site), STEP, passed, "port.py:3", parts, class_)


def said(ours: Manifest, *theirs: Variable) -> list[str]:
    """Return what is said of the port's variables."""
    return list(of_another_kind(ours, theirs, {"net": "model"}.get))


def one(shape: tuple[int, ...] = (3, 4), dtype: str = "float32", path: str = "") -> Part:
    """Return one part of a value."""
    return path, shape, dtype


@pytest.mark.parametrize(
    ("value", "theirs", "words"),
    [
        (
            ONE,
            port(one(path="0"), one(path="1"), class_="tuple"),
            "is a tuple of 2 (port.py:3), in the reference one tensor",
        ),
        (ONE, port(one(path="0"), class_="list"), "is a list of 1 (port.py:3)"),
        (PAIR, port(one()), "is one tensor, float32 [3, 4] (port.py:3), in the reference a tuple of 2 (ref.py:2)"),
        (PAIR, port(*(one(path=str(n)) for n in range(3)), class_="OrderedDict"), "is an OrderedDict of 3"),
        (
            ONE,
            port(one(dtype="int32")),
            "is one tensor, int32 [3, 4] (port.py:3), in the reference one tensor, float32",
        ),
        (ONE, port(one((3, 4, 1))), "is one tensor, float32 [3, 4, 1]"),
        (ONE, port(class_="NoneType"), "is None (port.py:3), in the reference one tensor"),
        ({"opaque": "None"}, port(one()), "is one tensor, float32 [3, 4] (port.py:3), in the reference None"),
    ],
)
def test_another_kind_is_said(value: dict[str, Any], theirs: Variable, words: str) -> None:
    """Another container, dtype or number of dimensions; something for nothing."""
    (found,) = said(reference(value, "float32", (3, 4)), theirs)
    assert found.startswith("step:best ")
    assert words in found


@pytest.mark.parametrize(
    ("value", "shape", "dtype", "theirs"),
    [
        (ONE, (3, 4), "float32", port(one((5, 6), "float16"))),  # another size is no other kind
        (ONE, (3, 4), "int64", port(one(dtype="int32"))),
        (ONE, (3, 4), "uint8", port(one(dtype="int64"))),
        (ONE, (), "float64", port(one((1,), "int64"))),  # a number, or one element
        (PAIR, (3, 4), "float32", port(one(path="0"), one(path="1"), class_="list")),
        ({"opaque": "list"}, (3, 4), "float32", port(one())),  # too many parts to look at
        (ONE, (3, 4), "float32", port(class_="list")),
        (ONE, (3, 4), "float32", port(one((1,)), site="step:other")),
        (ONE, (3, 4), "float32", port(one((1,)), passed=True)),
    ],
)
def test_the_same_kind_written_otherwise_is_not(
    value: dict[str, Any], shape: tuple[int, ...], dtype: str, theirs: Variable
) -> None:
    """Nor a variable that the reference does not have."""
    assert said(reference(value, dtype, shape), theirs) == []


def test_a_variable_of_a_module_is_found_by_the_ports_name_of_it_and_said_once() -> None:
    """In the order in which the port runs."""
    ours = reference(ONE, "float32", (3, 4), "net:hidden")
    theirs = port(one(dtype="bool"), site="model:hidden")
    assert len(said(ours, theirs, theirs)) == 1


def assigned(site: str, line: int) -> Variable:
    """Return an assignment at a line of the port."""
    return Variable(Site(site), STEP, False, f"port.py:{line}", (one(),))


def test_what_a_line_reads_is_followed_back_in_its_function_alone() -> None:
    """Not what another function calls by the same name, nor what the line does not read."""
    text = ("a = start()", "b = a + 1", "other = 2", "return b.exp()")
    excerpts = {
        f"port.py:{n}": Excerpt(file="port.py", line=n, first=n, text=(words,)) for n, words in enumerate(text, 1)
    }
    variables = (
        assigned("inner:b", 9),
        *(assigned(f"loss:{name}", n) for n, name in enumerate(("a", "b", "other"), 1)),
    )
    survey = Survey(variables, excerpts, raised=Raised("port.py:4", "loss"))
    assert [variable.site for variable in read_where_it_raises(survey)] == ["loss:a", "loss:b"]
    assert read_where_it_raises(Survey(variables, excerpts)) == []
