"""What a port is asked beside probes comes back in the reference's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from manifests import SHARD, described, manifest, tensor
from safetensors.numpy import save_file

from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.reader import Capture
from bisect_tool.probes.asides import Asides
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.naming import Naming
from bisect_tool.sites import STEP, Site
from bisect_tool.worker import protocol

GRADIENTS: dict[str, Any] = {
    "of": ["loss"], "parameters": {}, "noise": {"parameters": {}, "norm": 0.0}, "sites": {}, "later": 0, "statements": {},
    "variables": {}, "connected": {}, "places": {}, "optimizer": None, "off": [],
}  # fmt: skip


class Answering:
    """A worker that answers every request alike."""

    capabilities = protocol.CAPABILITIES

    def __init__(self, reply: Any) -> None:
        self.reply = reply

    def ask(self, _operation: str, **_request: Any) -> Any:
        """Answer."""
        return self.reply


def test_a_statement_reads_parameters_by_the_references_names() -> None:
    """A parameter that the port calls otherwise is the same one: else its gradient would be lost on one side."""
    data = Manifest.model_validate(
        manifest(described(state=[tensor("net.scale")]), state={"net.scale": "t"}, gradients=GRADIENTS)
    )
    edges = {"model.f:x|value": {"model|state|model.gain": [1.0] * 5, "model.a|output|": [2.0] * 5}}
    reply = {
        "edges": {"model": [[statement, read] for statement, read in edges.items()]},
        "places": {"model.a": "port.py:3"},
        "excerpts": {},
        "stopped": ["model.f:x|value|"],
        "backward": {"model.f:x|value": ["port.py:3"]},
    }
    names = {"net": "model", "net.a": "model.a", "net.scale": "model.gain", "net.f:x": "model.f:x"}
    asides = Asides(Answering(reply), Naming(names), Capture(Path(), data, "key"), Path())  # type: ignore[arg-type]
    found = asides.statements(Intervention(), Site("net"), ())
    assert asides.unanswered == {}
    assert found.edges == {"net.f:x|value": {"net|state|net.scale": (1.0,) * 5, "net.a|output|": (2.0,) * 5}}
    assert (found.places, found.stopped) == ({"net.a": "port.py:3"}, {"net.f:x|value|"})
    assert found.backward == {"net.f:x|value": ("port.py:3",)}
    assert asides.statements(Intervention(), STEP, ()).edges == {}


@pytest.mark.parametrize(
    ("after", "shape", "why"),
    [
        ({}, (2,), "net.w is in a group, and not there after both steps"),
        ({"model.w": ["0"]}, (2,), "net.w is in a group, and not there after both steps"),
        ({"model.w": ["0", "0"]}, (3,), "net.w is of another size after the steps"),
        ({"model.w": ["0", "0"]}, (2,), ""),
    ],
)
def test_steps_that_are_not_whole_blame_nobody(
    after: dict[str, list[str]], shape: tuple[int, ...], why: str, tmp_path: Path
) -> None:
    """A parameter that a worker says nothing of did not stand still."""
    data = Manifest.model_validate(
        manifest(
            described(state=[tensor("net.w", [2])]),
            state={"net.w": "t"},
            tensors={"t": {"file": SHARD, "shape": [2], "dtype": "float32", "hash": "T"}},
            gradients=GRADIENTS,
        )
    )

    class Stepping(Answering):
        def ask(self, _operation: str, **request: Any) -> Any:
            save_file({"0": np.zeros(shape)}, request["file"])
            return self.reply

    worker = Stepping({"groups": [{"class": "SGD", "settings": {}, "parameters": ["model.w"]}], "after": after})
    asides = Asides(worker, Naming({"net.w": "model.w"}), Capture(Path(), data, "key"), tmp_path)  # type: ignore[arg-type]
    assert (asides.steps([Site("net.w")]) is None) == bool(why)
    assert why in asides.unanswered.get("take_steps", "")


@pytest.mark.parametrize("place", ["nowhere", "port.py:", "port.py:x", "port.py:1,2"])
def test_a_variable_without_a_line_is_no_answer(place: str) -> None:
    """A line is a file and a number, wherever a report speaks of it."""
    row = {"site": "f:x", "kind": "assigned", "around": [], "after": 0, "place": place, "parts": []}
    empty: dict[str, Any] = {
        "excerpts": {},
        "caught": [],
        "skipped": {},
        "cut": [],
        "functions": [],
        "conditions": {},
        "ended": [],
    }
    worker = Answering({"variables": [row], **empty})
    asides = Asides(worker, Naming({}), Capture(Path(), Manifest.model_validate(manifest(described())), "key"), Path())
    assert asides.survey(Intervention()).variables == ()
    assert f"{place!r} is no line" in asides.unanswered["survey"]


@pytest.mark.parametrize(("line", "text"), [(3, []), (10**400, ["x = 1"]), (4, ["x = 1"]), (2, ["x = 1"])])
def test_an_excerpt_without_its_line_shows_nothing(line: int, text: list[str]) -> None:
    """The rest of the answer stands: a file that cannot be read has no lines to show."""
    excerpt = {"file": "port.py", "line": line, "first": 3, "text": text}
    empty: dict[str, Any] = {"caught": [], "skipped": {}, "cut": [], "functions": [], "conditions": {}, "ended": []}
    worker = Answering({"variables": [], "excerpts": {"port.py:3": excerpt}, **empty})
    asides = Asides(worker, Naming({}), Capture(Path(), Manifest.model_validate(manifest(described())), "key"), Path())
    assert asides.survey(Intervention()).excerpts == {}
    assert asides.unanswered == {}


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ({"b": {"error": 0.5}}, {"a": 0.5}),
        ({"b": {"mismatch": "shape"}}, {"a": float("inf")}),
        ({"b": {"error": -1.0}}, {}),
        ({"b": {}}, {}),
        ({"c": {"error": 0.5}}, {}),
        ({"b": 0.5}, {}),
    ],
)
def test_state_is_compared_or_it_is_said_that_it_was_not(reply: Any, found: dict[str, float]) -> None:
    """An answer that is not usable clears and accuses nobody."""
    asides = Asides(Answering(reply), Naming({"a": "b"}), None, Path())  # type: ignore[arg-type]
    assert asides.compare_state([Site("a")]) == found
    assert bool(asides.unanswered) == (not found)
    assert asides.compare_state([]) == {}
