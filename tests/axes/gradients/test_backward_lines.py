"""The lines that the axis of gradients names, against a simulated port."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest
from simulated_backward import NET, SimulatedBackward, search

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.probes.handed import PulledStatements, Survey, Variable
from bisect_tool.sites import STEP, Site


@dataclasses.dataclass
class Asides:
    """A worker that knows what its code assigned, and what each statement passes on."""

    pulled: PulledStatements
    assigned: Survey = dataclasses.field(default_factory=Survey)

    def survey(self, _intervention: object, *, to_a_crash: bool = False) -> Survey:
        """Name all variables."""
        return self.assigned

    def identify(self, *_names: object) -> dict[Site, Site]:
        """Recognise none by their values."""
        return {}

    def attach_variables(self, pairs: Mapping[Site, Site]) -> Mapping[Site, Site]:
        """Take all as sites."""
        return pairs

    def statements(self, *_asked: object) -> PulledStatements:
        """Pull each statement back."""
        return self.pulled


ALL_CAN = frozenset({"gradients", "statements", "survey"})


def excerpt(line: int) -> Excerpt:
    """Return a line of the port."""
    return Excerpt(file="port.py", line=line, first=line, text=("...",))


def assigned(site: str, place: str, around: str | None = None) -> dict[str, object]:
    """Return what a manifest has of a variable."""
    return {
        "site": site, "kind": "assigned", "around": around, "after": 0, "place": place, "value": {"tensor": "t"},
    }  # fmt: skip


def test_a_call_with_gradients_switched_off_is_the_fault_of_its_caller() -> None:
    """The caller is named, at the line of the call."""
    port = SimulatedBackward(NET, off=frozenset({"m1.a"}), capabilities=ALL_CAN)
    port.asides = Asides(PulledStatements(places={"m1.a": "port.py:3"}, excerpts={"port.py:3": excerpt(3)}))
    (culprit,) = search(port.case(variables=[assigned("m1:x", "ref.py:2", "m1")])).culprits
    assert culprit.sites == ("m1",)
    assert culprit.line is not None
    assert culprit.line.place == "port.py:3"
    assert culprit.findings[0].message == "m1.a: called with gradients switched off"
    assert culprit.findings[-1].message == "port.py:3: what m1.a is given passes no gradient"


@pytest.mark.parametrize(
    ("stopped", "line", "said"),
    [
        (frozenset(), 6, "port.py:6: f:loss passes no gradient to f:x"),
        (frozenset({"f:x|value|"}), 5, "port.py:5: f:x, assigned here, is stopped in place afterwards"),
    ],
    ids=["passes none", "stopped in place"],
)
def test_the_line_that_passes_no_gradient_is_named(stopped: frozenset[str], line: int, said: str) -> None:
    """By what it assigns and what it reads; what is stopped after it was assigned, at its assignment."""
    port = SimulatedBackward(NET, {STEP: 0.0}, capabilities=ALL_CAN)
    names = {"f:x": "port.py:5", "f:loss": "port.py:6"}
    theirs = tuple(Variable(Site(n), STEP, False, place, (("", (4,), "float32"),)) for n, place in names.items())
    excerpts = {"port.py:5": excerpt(5), "port.py:6": excerpt(6)}
    port.asides = Asides(
        PulledStatements({"f:loss|value": {}, "f:x|value": {}}, stopped=stopped), Survey(theirs, excerpts)
    )
    statements = {"step": [["f:loss|value", {"f:x|value|": [1.0] * 5}], ["f:x|value", {}]]}
    variables = [assigned("f:x", "ref.py:2"), assigned("f:loss", "ref.py:3")]
    case = port.case(variables=variables, gradients={**port.recorded(), "statements": statements})
    (culprit,) = search(case).culprits
    assert culprit.line is not None
    assert (culprit.sites, culprit.line.place) == ((STEP,), f"port.py:{line}")
    assert culprit.findings[-1].message.startswith(said)
