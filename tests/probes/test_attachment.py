"""What a worker is told of a capture, by the port's own names."""

from __future__ import annotations

from pathlib import Path

from manifests import SHARD, described, manifest, module, site, tensor

from bisect_tool.captures.manifest import Manifest, Point
from bisect_tool.pairing.names import Matching
from bisect_tool.probes.attachment import attach_request, port_names

VALUE = {"tensor": "t"}
# net calls block twice, which calls conv each time; odd gives something that no capture holds, and lost the port lacks.
CALLS = {
    "net": None,
    "block": "net",
    "conv": "block",
    "block#2": "net",
    "conv#2": "block#2",
    "odd": "net",
    "lost": "net",
}
MODULES = {"net": "net", "block": "part", "conv": "part.conv", "odd": "odd"}
OURS = Manifest.model_validate(
    manifest(
        described([module(name) for name in (*MODULES, "lost")], [tensor("conv.weight"), tensor("lost.weight")]),
        sites=[site(name, {"opaque": "Tree"} if name == "odd" else VALUE) for name in CALLS],
        calls=CALLS,
        state={"conv.weight": "t", "lost.weight": "t"},
        tensors={"t": {"file": SHARD, "shape": [2, 3], "dtype": "float32", "hash": "0"}},
    )
)
MATCHING = Matching(MODULES, {"conv.weight": "part.conv.kernel"}, {"conv.weight": "rule"}, ("lost.weight",), ())


def test_calls_and_parameters_that_have_a_partner_have_a_name() -> None:
    """Every call of a module that the port has, its number kept; what it is handed is known even where its output could not be recorded."""
    assert port_names(OURS, MATCHING) == {
        "net": "net",
        "block": "part",
        "block#2": "part#2",
        "conv": "part.conv",
        "conv#2": "part.conv#2",
        "odd": "odd",
        "conv.weight": "part.conv.kernel",
    }


def test_the_request_says_what_lies_inside_each_call() -> None:
    """How often which of the port's modules is called in it: a call that is patched must count for those."""
    request = attach_request(Path("folder"), OURS, MATCHING, port_names(OURS, MATCHING))
    assert {name: entry["inside"] for name, entry in request["sites"].items()} == {
        "net": {"part": 2, "part.conv": 2, "odd": 1},
        "part": {"part.conv": 1},
        "part#2": {"part.conv": 1},
        "part.conv": {},
        "part.conv#2": {},
        "odd": {},
    }
    assert request["state"] == {"part.conv.kernel": "t"}
    assert request["tensors"] == {"t": {"file": SHARD, "shape": [2, 3], "hash": "0", "what": "net output"}}
    assert (request["largest"], request["gradients"]) == (6, None)


def test_each_call_is_told_where_it_lies() -> None:
    """In the nearest call around it that can be patched, as the reference made it."""
    request = attach_request(Path("folder"), OURS, MATCHING, port_names(OURS, MATCHING))
    assert {name: entry["around"] for name, entry in request["sites"].items()} == {
        "net": None,
        "part": "net",
        "part#2": "net",
        "part.conv": "part",
        "part.conv#2": "part#2",
        "odd": "net",
    }
    without = {name: port for name, port in port_names(OURS, MATCHING).items() if name != "block"}
    assert attach_request(Path("folder"), OURS, MATCHING, without)["sites"]["part.conv"]["around"] == "net"


def test_the_run_at_stirred_weights_is_told_in_the_same_form() -> None:
    """By the same names, its own calls and weights; a call that gave there what no capture holds is one of them."""
    assert attach_request(Path("folder"), OURS, MATCHING, {})["stirred"] is None
    calls = {name: around for name, around in CALLS.items() if name != "conv#2"}
    outputs = {name: {"opaque": "Tree"} if name in ("block#2", "odd") else {"tensor": "s"} for name in calls}
    point = {
        "state": {"conv.weight": "s", "lost.weight": "t"},
        "stirred": ["conv.weight"],
        "strength": 1.0,
        "sites": [site(name, output) for name, output in outputs.items()],
        "calls": calls,
        "left": {},
        "targets": {"loss": 1.0},
        "noise": {"targets": {}, "loss": {}, "exact": {}},
    }
    ours = OURS.model_copy(update={"stirred": Point.model_validate(point)})
    stirred = attach_request(Path("folder"), ours, MATCHING, port_names(ours, MATCHING))["stirred"]
    same = {"inputs": {"list": []}, "output": {"tensor": "s"}, "state": {}, "arguments": []}
    assert stirred == {
        "sites": {
            "net": {**same, "around": None, "inside": {"part": 2, "part.conv": 1, "odd": 1}},
            "part": {**same, "around": "net", "inside": {"part.conv": 1}},
            "part.conv": {**same, "around": "part", "inside": {}},
            "part#2": {**same, "output": {"opaque": "Tree"}, "around": "net", "inside": {}},
            "odd": {**same, "output": {"opaque": "Tree"}, "around": "net", "inside": {}},
        },
        "state": {"part.conv.kernel": "s"},
        "left": {},
    }  # fmt: skip


def test_what_calls_find_and_leave_in_buffers_is_told_by_the_ports_names() -> None:
    """Those that have a partner; so is what they hold after the step."""
    written = {"conv.weight": ("t", "t"), "lost.count": ("t", "t")}
    sites = tuple(e.model_copy(update={"state": written if e.site == "conv" else {}}) for e in OURS.sites)
    ours = OURS.model_copy(update={"sites": sites, "left": {"conv.weight": "t", "lost.count": "t"}})
    request = attach_request(Path("folder"), ours, MATCHING, port_names(ours, MATCHING))
    assert request["sites"]["part.conv"]["state"] == {"part.conv.kernel": ["t", "t"]}
    assert request["sites"]["part.conv#2"]["state"] == {}
    assert request["left"] == {"part.conv.kernel": "t"}
