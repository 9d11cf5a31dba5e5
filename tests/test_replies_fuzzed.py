"""Replies of workers, damaged at random: a search ends with a report that can be shown, or with an error for the user.

BISECT_FUZZ says how many are damaged; each has the seed of its number.
"""

from __future__ import annotations

import copy
import io
import json
import math
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from in_process import InProcess, record
from rich.console import Console
from torch import nn

from bisect_tool import session
from bisect_tool.captures.described import Described
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import BisectError, ModelError
from bisect_tool.probes.port import WorkerPort
from bisect_tool.renderers import text
from bisect_tool.report.saved import as_json
from bisect_tool.worker import protocol
from bisect_tool.worker.adapters.adapter import adapter_of
from bisect_tool.worker.code import lines

CASES = int(os.environ.get("BISECT_FUZZ", "20"))
MOST_ASKED = 40  # requests of one search, about
Ask = Callable[..., Any]


class Net(nn.Module):
    """Two layers, with a norm that keeps statistics."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.first, self.norm, self.last = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute; with a fault, something else."""
        hidden = self.norm(self.first(x))
        hidden = torch.tanh(hidden) if self.fault != "code" else torch.sin(hidden)
        return self.last(hidden.detach() if self.fault == "detach" else hidden)


def build(seed: int = 0, fault: str = "") -> dict[str, Any]:
    """Build a net that learns by an optimizer."""
    torch.manual_seed(seed)
    net = Net(fault)
    if fault == "start":
        nn.init.constant_(net.last.weight, 0.5)

    def step(batch: Any) -> dict[str, Any]:
        return {"loss": net(batch["x"]).square().mean()}

    optimizer = torch.optim.SGD(net.parameters(), lr=0.5 if fault == "rate" else 0.1, momentum=0.9)
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}
    return {"modules": {"net": net}, "batch": batch, "step": step, "optimizer": optimizer}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """Return a capture of the net with its gradients."""
    with mock.patch("in_process._no_lines", watched):
        return record(build, tmp_path_factory.mktemp("fuzzed") / "ref", seeds=range(1, 5), grads=True)


def watched() -> lines.Lines:
    """Watch what the functions of this file assign: variables are sites."""
    adapter = adapter_of("torch")
    return lines.Lines([str(Path(__file__).parent)], [], adapter.in_backward, adapter.in_transform, adapter.watcher)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) of a reply."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def damaged(reply: Any, draw: random.Random) -> Any:
    """Return a reply with one place that is another value, gone, twice, or another place's."""
    whole = {"reply": copy.deepcopy(reply)}
    found = list(places(whole))
    container, key = draw.choice(found)
    odd = [
        None,
        True,
        -1,
        0,
        1e308,
        -1e-9,
        math.nan,
        math.inf,
        1 << 70,
        "",
        "net",
        "a\x1b[31m",
        [],
        {},
        [[]],
        {"": None},
    ]
    other, at = draw.choice(found)
    choice = draw.randrange(5)
    if choice == 0 and isinstance(container, dict) and key != "reply":
        del container[key]
    elif choice == 1 and isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif choice == 2:
        container[key] = copy.deepcopy(other[at])
    elif choice == 3 and isinstance(container, dict) and key != "reply":
        container[f"{key}{draw.choice(['x', '#2', '.'])}"] = container.pop(key)
    else:
        container[key] = draw.choice(odd)
    return whole.get("reply")


class Damaged(InProcess):
    """A worker of whose replies some are damaged."""

    def __init__(self, options: dict[str, Any], draw: random.Random) -> None:
        self.draw, self.at, self.count = draw, draw.randrange(MOST_ASKED), 0
        self.always = draw.random() < 0.2  # each reply from there on
        super().__init__(build, options)

    def ask(self, op: str, **fields: Any) -> Any:
        """Answer, and damage the answer on its way."""
        reply = super().ask(op, **fields)
        self.count += 1
        if self.count > self.at and (self.always or self.count == self.at + 1):
            reply = json.loads(json.dumps(damaged(reply, self.draw)))
            if op in ("values", "take_steps") and self.draw.random() < 0.3:
                file = Path(fields["file"])
                file.write_bytes(file.read_bytes()[: self.draw.randrange(200)])
        try:
            protocol.check_reply(op, reply)
        except protocol.ProtocolError as error:
            raise ModelError(f"the worker did not answer as it should: {error}") from error
        return reply


def searched(capture: Capture, number: int, probes: Path) -> str:
    """Search with damaged replies; return the verdict, or what kind of error it ended in."""
    draw = random.Random(number)
    fault = draw.choice(["", "code", "detach", "start", "rate"])

    def start() -> tuple[Any, Described]:
        with mock.patch("in_process._no_lines", watched):
            worker = Damaged({"fault": fault}, draw)
        return worker, worker.described

    try:
        port = WorkerPort.open(start, capture, [], probes, [])
        report = session.bisect(
            port, capture, target=draw.choice([None, "loss", "grad_norm"]), repeat=draw.randrange(2)
        )
    except BisectError as error:
        return type(error).__name__
    console = Console(file=io.StringIO(), width=80)
    text.draw(report, console)
    assert as_json(report).isascii()
    return report.verdict


@pytest.mark.parametrize("block", range(10))
def test_a_damaged_reply_ends_no_search_in_an_internal_error(capture: Capture, block: int, tmp_path: Path) -> None:
    """Whatever is damaged: a report, or an error that names what is wrong."""
    for number in range(block, CASES, 10):
        try:
            searched(capture, number, tmp_path / str(number))
        except Exception as error:
            raise AssertionError(f"seed {number}: {type(error).__name__}: {error}") from error
