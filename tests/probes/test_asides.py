"""What a port is asked beside probes comes back in the reference's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manifests import described, manifest, tensor

from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.reader import Capture
from bisect_tool.probes.asides import Asides
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.naming import Naming
from bisect_tool.sites import STEP, Site

GRADIENTS: dict[str, Any] = {
    "of": ["loss"], "parameters": {}, "noise": {"parameters": {}, "norm": 0.0}, "sites": {}, "later": 0, "statements": {},
    "variables": {}, "connected": {}, "places": {}, "optimizer": None, "off": [],
}  # fmt: skip


class Answering:
    """A worker that answers every request alike."""

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
    }
    names = {"net": "model", "net.a": "model.a", "net.scale": "model.gain", "net.f:x": "model.f:x"}
    asides = Asides(Answering(reply), Naming(names), Capture(Path(), data, "key"))  # type: ignore[arg-type]
    found = asides.statements(Intervention(), Site("net"), ())
    assert asides.unanswered == {}
    assert found.edges == {"net.f:x|value": {"net|state|net.scale": (1.0,) * 5, "net.a|output|": (2.0,) * 5}}
    assert (found.places, found.stopped) == ({"net.a": "port.py:3"}, {"net.f:x|value|"})
    assert asides.statements(Intervention(), STEP, ()).edges == {}
