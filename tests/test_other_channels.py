"""Models that hand values on by other ways than arguments and outputs: the port is the reference's own text, and nobody is to blame."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.desk import Desk

MODEL = """
import torch
from torch import nn


class Marked(torch.Tensor):
    pass


class Block(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.lin, self.norm = nn.Linear(4, 4), norm

    def forward(self, x, kept):
        GIVES


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.out = Block(NORM), nn.Linear(4, 2)

    def forward(self, x):
        kept = {"sum": torch.zeros(()), "features": []}
        y = self.block(x, kept)
        READS
        return self.out(y), kept["sum"]


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.linspace(-1, 1, 20).reshape(5, 4)}

    def step(batch):
        out, more = net(batch["x"])
        return {"loss": (out**2).mean() + more}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
PLAIN = ("GIVES", "return self.norm(self.lin(x)).tanh()"), ("READS", "pass"), ("NORM", "nn.Identity()")
WAYS = {
    "a dict that a call adds to": [
        ("GIVES", "y = self.lin(x).tanh(); kept['sum'] = kept['sum'] + y.square().mean(); return y")
    ],
    "a list that a call appends to": [
        ("GIVES", "y = self.lin(x).tanh(); kept['features'].append(y * 2); return y"),
        ("READS", "y = y + sum(kept['features'])"),
    ],
    "the class of a tensor": [
        ("GIVES", "return self.lin(x).tanh().as_subclass(Marked)"),
        ("READS", "y = y * 2 if isinstance(y, Marked) else y * 3"),
    ],
    "how a tensor lies": [
        ("GIVES", "return self.lin(x).tanh().t().contiguous().t()"),
        ("READS", "y = y * 3 if y.is_contiguous() else y * 2"),
    ],
}


def written(folder: Path, *changes: tuple[str, str], port: tuple[str, str] = ("", "")) -> Desk:
    """Write the pair, of whose port some words may be others, and capture the reference."""
    model = MODEL
    for old, new in (*changes, *PLAIN):  # what was changed first is there no more
        model = model.replace(old, new)
    desk = Desk(folder).write(reference=model, port=model.replace(*port) if port[0] else model)
    assert desk.bisect("capture", "--seeds", "2").code == 0
    return desk


@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_accused_of_what_the_reference_itself_does_not_reproduce(tmp_path: Path, way: str) -> None:
    """Run call by call with recorded values, it gives something else than it did: that proves nothing about a port."""
    done = written(tmp_path, *WAYS[way]).bisect("run", "--json")
    report = json.loads(done.out)
    assert done.code == 3
    assert not any(culprit["confirmed"] for culprit in report["culprits"])
    assert "the reference's own code of" in report["sentence"]


def test_a_mistake_elsewhere_in_such_a_model_is_still_proved(tmp_path: Path) -> None:
    """The reference reproduces the code that it is in."""
    desk = written(tmp_path, *WAYS["a dict that a call adds to"], port=("out**2", "out**4"))
    desk.write(reference=(desk.recipe / "reference.py").read_text(), port=(desk.recipe / "port.py").read_text())
    report = json.loads(desk.bisect("run", "--json").out)
    assert {site for culprit in report["culprits"] if culprit["confirmed"] for site in culprit["sites"]} <= {
        "step",
        "step:return",
    }


def test_a_float64_run_that_reads_what_a_former_one_left_is_no_floor(tmp_path: Path) -> None:
    """It would allow for any mistake in that call."""
    reads = "return y + sum(kept['features']), kept['sum']"
    desk = written(tmp_path, WAYS["a list that a call appends to"][0], ("READS", reads))
    noise = json.loads((desk.captures / "ref" / "manifest.json").read_text())["noise"]
    assert all(size < 1e-3 for size in noise["exact"].values())
    assert "ran again" in noise["unmeasured"]["sites"]["net"]


@pytest.mark.parametrize("norm", ["nn.BatchNorm1d(4, momentum=None)", "nn.BatchNorm1d(4, momentum=0.3)"])
def test_an_average_over_all_batches_is_the_same_in_each_run(tmp_path: Path, norm: str) -> None:
    """What counts the batches is put back after each, where it is read."""
    done = written(tmp_path, ("NORM", norm)).bisect("run", "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (0, "agrees")


@pytest.mark.parametrize("wrong", ["y.detach().mean().item() * 2", "'other'"])
def test_a_call_that_gives_another_number_or_word_is_in_what_is_blamed(tmp_path: Path, wrong: str) -> None:
    """Its caller goes on with it, and is not to blame alone."""
    right = "'word'" if wrong == "'other'" else "y.detach().mean().item()"
    gives = ("GIVES", f"y = self.lin(x).tanh(); return y, {right}")
    reads = ("READS", "y = y[0] * (y[1] if isinstance(y[1], float) else len(y[1]))")
    report = json.loads(written(tmp_path, gives, reads, port=(right, wrong)).bisect("run", "--json").out)
    (culprit,) = report["culprits"]
    assert "or of a call inside it" in report["sentence"] or not culprit["confirmed"]
