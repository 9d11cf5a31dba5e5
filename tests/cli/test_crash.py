"""A port that raises in its step: the layers that it came through are judged all the same, and the crash is said first."""

from __future__ import annotations

import json

import pytest

from cli.desk import Desk, changed

HIDDEN = "hidden = torch.tanh(self.first(x))"
RETURN = 'return {"loss": (out**2).mean(), "size": out.abs().sum()}'
RIGHT = "best = out.argmax(1)"
# A loss that chooses: argmax gives indices in torch, and a pair in other frameworks.
CHOOSES = changed(
    (RETURN, f"{RIGHT}\n        gain = best.float().mean()\n        {RETURN.replace('.mean()', '.mean() + gain')}")
)
PAIR = (RIGHT, "best = tuple(out.max(1))")
ALL_AGREE = "these agree, from the reference's inputs and weights"


@pytest.fixture
def choosing(desk: Desk) -> Desk:
    """Return a desk whose reference has a loss that chooses."""
    desk.write(reference=CHOOSES).captured()
    return desk


def report_of(desk: Desk, *changes: tuple[str, str], words: tuple[str, ...] = ()) -> tuple[int, dict]:
    """Run a port that is the reference but for some changes; return exit code and report."""
    (desk.recipe / "port.py").write_text(changed(*changes, model=CHOOSES))
    done = desk.bisect("run", "--json", *(words or ("--target", "loss")))
    assert done.code in (0, 1, 3), done.err
    return done.code, json.loads(done.out)


def test_a_crash_in_the_loss_names_the_variable_of_another_kind(choosing: Desk) -> None:
    """Not only the line that falls over it; all layers are judged."""
    code, report = report_of(choosing, PAIR)
    assert (code, report["verdict"], report["culprits"]) == (3, "inconclusive", [])
    assert report["sentence"] == (
        "The port's step raises AttributeError at port.py:25 ('tuple' object has no attribute 'float'), after all 3 module "
        f"calls; {ALL_AGREE}; step:best is a tuple of 2 (port.py:24), in the reference one tensor, int64 [3] "
        "(reference.py:24)."
    )
    assert report["ruled_out"][0].startswith("all 3 module calls: ")
    assert not [said for said in report["ruled_out"] if said.startswith("the code of step")]
    assert report["targets"]["loss"]["port"] is None
    assert any(end.startswith("the port does not run as it is: run failed at ") for end in report["open_ends"])


@pytest.mark.parametrize("words", [("--target", "loss"), ()])
def test_a_wrong_layer_before_a_crash_is_proved_by_itself(choosing: Desk, words: tuple[str, ...]) -> None:
    """Exit 1; the crash is said first all the same."""
    code, report = report_of(choosing, PAIR, (HIDDEN, HIDDEN.replace("tanh", "sin")), words=words)
    assert (code, report["verdict"]) == (1, "diverges")
    crash, _, blame = report["sentence"].partition("(reference.py:24). ")
    assert crash.startswith("The port's step raises AttributeError at port.py:25 ")
    assert ALL_AGREE not in crash
    assert blame.startswith("The code of net (line 13 of port.py) is wrong")
    (culprit,) = report["culprits"]
    assert (culprit["sites"], culprit["confirmed"]) == (["net"], True)


def test_a_crash_between_the_layers_judges_those_before_it(choosing: Desk) -> None:
    """And says which are the first that nobody knows anything of."""
    code, report = report_of(choosing, ("return self.last(hidden)", "return self.last(hidden.numpy())"))
    assert code == 3
    assert report["sentence"].startswith("The port's step raises RuntimeError at port.py:14 (Can't call numpy() ")
    assert (
        "after 1 of 3 module calls (net.last is the first that it does not come through); these agree"
        in report["sentence"]
    )
    assert "all 3" not in report["ruled_out"][0]


def test_a_layer_that_raises_is_not_among_those_that_agree(choosing: Desk) -> None:
    """The one before it is, and one that is wrong is blamed."""
    wide = ("self.last = nn.Linear(8, 2)", "self.last = nn.Linear(9, 2)")
    code, report = report_of(
        choosing, wide, ("self.first = nn.Linear(4, 8)", "self.first = nn.Linear(4, 8, bias=False)")
    )
    assert code in (1, 3)
    assert "after 1 of 3 module calls (net.last is the first" in report["sentence"]
    assert "agree" not in report["sentence"]


def test_a_crash_before_any_layer_is_said(choosing: Desk) -> None:
    """Nothing is judged, and nothing is claimed."""
    code, report = report_of(choosing, ('net(batch["x"])', 'net(batch["y"])'))
    assert code == 3
    assert report["sentence"] == "The port's step raises KeyError at port.py:23 ('y'), before any module call."
    assert not [said for said in report["ruled_out"] if "module call" in said]


def test_a_port_that_raises_with_its_own_weights_alone_is_judged_by_the_reference_s(choosing: Desk) -> None:
    """The code agrees then; what starts otherwise is proved by its law, and the crash is said first."""
    code, report = report_of(
        choosing,
        ("net = Net()", "net = Net(); nn.init.constant_(net.last.bias, 7.0)"),
        (RIGHT, f"{RIGHT}; assert out.max() < 5"),
    )
    assert (code, report["verdict"]) == (1, "diverges")
    assert [culprit["sites"] for culprit in report["culprits"]] == [["net.last.bias"]]
    assert (
        "AssertionError at port.py:24, after all 3 module calls; with the reference's weights it does not"
        in report["sentence"]
    )
    values = report["targets"]["loss"]
    assert values["port"] is None
    assert values["port_with_reference_weights"] == pytest.approx(values["reference"])


def test_a_port_that_raises_now_and_then_is_not_deterministic(choosing: Desk) -> None:
    """Two runs that are not alike prove nothing."""
    now = "len(open('runs', 'a+').write('x') and open('runs').read()) == 1 and 1 / 0"
    (choosing.recipe / "port.py").write_text(changed((RIGHT, f"{RIGHT}; {now}"), model=CHOOSES))
    assert "identical runs of the port differ" in choosing.run().error(3)


def test_a_step_that_returns_the_wrong_thing_is_no_crash(choosing: Desk) -> None:
    """It is a mistake in the recipe's own code, said in one line."""
    (choosing.recipe / "port.py").write_text(
        changed((f"{RETURN.replace('.mean()', '.mean() + gain')}", "return out"), model=CHOOSES)
    )
    assert "the port does not run as it is: run failed: step(batch) returned Tensor" in choosing.run().error(3)


SHARED = """\
import torch
from torch import nn


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.size, self.fc = 4, nn.Linear(4, 4)

    def forward(self, x):
        n = torch.tanh(self.fc(x))
        return n + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.gate, self.last = Cell(), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        for _ in range(2):
            x = self.gate(self.cell(x))
        return x, self.last(x)


def spread(x, y):
    return (x.mean() - y.exp()).square().mean()


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}

    def step(batch):
        shared, out = net(batch["x"])
        return {"loss": spread(shared, out)}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
PAIRED = ("return x, self.last(x)", "return x, (self.last(x), x)")
FEWER = ("            x = self.gate(self.cell(x))", "            x = self.cell(x)\n        x = self.gate(x)")
OTHER_LOCALS = (
    "n = torch.tanh(self.fc(x))\n        return n + x",
    "n = self.size\n        return torch.tanh(self.fc(x).reshape(-1, n)) + x",
)
PASSED = ('shared, out = net(batch["x"])', 'both = net(batch["x"])')
SPREAD = ("spread(shared, out)", "apart(*both)")
NAMED = ("def spread(x, y):\n    return (x.mean() - y.exp())", "def apart(x, z):\n    return (x.mean() - z.exp())")


@pytest.mark.parametrize("target", [None, "loss"])
def test_a_crash_names_only_what_the_line_reads_that_raises(target: str | None, desk: Desk) -> None:
    """What a call gives as a tuple is named by that call; locals elsewhere that share a name with a tensor are not named."""
    changes = (PAIRED, FEWER, OTHER_LOCALS, PASSED, SPREAD, NAMED)
    desk.write(reference=SHARED, port=changed(*changes, model=SHARED))
    assert desk.bisect("capture", "--seeds", "4").code == 0
    report = json.loads(desk.bisect("run", "--json", *(["--target", target] if target else [])).out)
    crash, _, blame = report["sentence"].partition(", in the reference one tensor, float32 [3, 2]")
    assert "apart:z is a tuple of 2 (port.py:38), as output 1 of net is" in crash
    assert ":n is" not in report["sentence"] + " ".join(report["notes"])
    assert "is the first that it does not come through" not in crash  # the gate is called once, and came through
    assert "does not show it" not in blame
    assert not [note for note in report["notes"] if "the same at every seed" in note]
