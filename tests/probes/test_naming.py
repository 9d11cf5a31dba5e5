"""Requests in the port's names, readings in the reference's."""

from __future__ import annotations

import pytest

from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.naming import Naming
from bisect_tool.probes.reading import Comparison, Pulled, PulledAt, Reading, Watched
from bisect_tool.sites import Site
from bisect_tool.worker import protocol

NAMES = {"net.a": "model.x", "net.a.weight": "model.x.w", "net.b": "model.b"}


def test_every_probe_is_a_request_as_declared() -> None:
    """Whatever is asked, and of whatever kind the backward pass is."""
    naming = Naming(NAMES)
    asked = Intervention(frozenset({Site("net.a")}), frozenset({Site("net.b"), Site("net.lost")}))
    for backward, operation in (("", "run"), ("own", "pull"), ("whole", "pull"), ("pieces", "pull_pieces")):
        found, request = naming.probe(Intervention(asked.patched, asked.watched, backward=backward))  # type: ignore[arg-type]
        assert found == operation
        protocol.check_request(operation, request)
        assert (request["patch"], request["watch"]) == (["model.x"], ["model.b"])


def test_a_patch_without_a_name_in_the_port_is_no_request() -> None:
    """It would exonerate without reason."""
    with pytest.raises(KeyError):
        Naming(NAMES).fields(Intervention(frozenset({Site("net.lost")})))


def test_variables_are_sites_only_where_they_are_asked_for() -> None:
    """Code that is not watched runs as it was written."""
    naming = Naming(NAMES)
    naming.add_variables({Site("net.a:y"): Site("model.x:z")})
    plain = naming.fields_with_variables(Intervention(frozenset({Site("net.a")})))
    asked = naming.fields_with_variables(Intervention(frozenset({Site("net.a:y")})))
    assert (plain["variables"], asked["variables"], asked["patch"]) == (False, True, ["model.x:z"])
    assert naming.in_reference("model.x:z") == "net.a:y"


def test_a_reading_comes_back_in_the_references_names() -> None:
    """Of a piece the path is a name only where it is a parameter's; a name without a partner stays."""
    rows = tuple(PulledAt("model.x", part, "model.x.w", exact=False, gradient=Pulled()) for part in ("state", "inputs"))
    reading = Reading(receipts={"model.x": ["1"], "other": ["2"]}, calls=(("model.b", ()),), pieces=rows)
    found = Naming(NAMES).reading(reading)
    assert (found.receipts, found.calls) == ({"net.a": ["1"], "other": ["2"]}, (("net.b", ()),))
    rows = (Comparison("buffer:model.x.w", 0.5), Comparison("model.x.w", 0.0))
    reading = Reading(watched={"model.x": Watched(rows, rows, around="model.b")}, left=rows[:1])
    buffers = Naming(NAMES).reading(reading)
    assert [row.path for row in buffers.watched["net.a"].output] == ["buffer:net.a.weight", "model.x.w"]
    assert (buffers.watched["net.a"].around, buffers.left[0].path) == ("net.b", "buffer:net.a.weight")
    assert [(row.site, row.path) for row in found.pieces] == [("net.a", "net.a.weight"), ("net.a", "model.x.w")]
