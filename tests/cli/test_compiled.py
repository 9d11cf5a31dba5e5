"""A model that is handed to torch.compile: it is computed as it is written."""

from __future__ import annotations

import json

from cli.desk import Desk, changed

COMPILED = ("net = Net()", "net = torch.compile(Net())")


def test_a_compiled_model_is_recorded_call_by_call(desk: Desk) -> None:
    """Under its own names; a port that is compiled in parts agrees, and one that is wrong does not."""
    desk.write(reference=changed(COMPILED))
    done = desk.capture("--json")
    assert (done.code, json.loads(done.out)["sites"]) == (0, 3), done.err
    desk.port(("net = Net()", "net = Net(); net.first = torch.compile(net.first); net.compile()"))
    assert desk.run().code == 0
    desk.port(COMPILED, ("torch.tanh", "torch.sin"))
    assert json.loads(desk.run("--json").out)["culprits"][0]["sites"] == ["net"]
