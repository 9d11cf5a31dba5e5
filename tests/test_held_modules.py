"""Losses and assigners of plain classes that hold modules, on one side or on both: real torch pairs."""

from __future__ import annotations

import copy
import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from conftest import PAIR_RECIPE, run_bisect
from torch import nn

from bisect_tool.captures.reader import Capture
from bisect_tool.report.data import Report
from bisect_tool.session import bisect

WEIGHT = torch.tensor([1.0, 2.0, 3.0])


class Assigner:
    """Makes targets of what a net gives."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act()

    def __call__(self, out: Any) -> Any:
        """Compute."""
        return (1.5 * self.act(out.detach())).clamp(0, 1)


class Criterion:
    """Two losses, each a module: ``bce`` are the settings of the one, ``smoothing`` is that of the other."""

    def __init__(self, bce: Any = None, smoothing: float = 0.1, act: Callable[[], Any] = nn.Sigmoid) -> None:
        self.assigner = Assigner(act)
        self.bce = nn.BCEWithLogitsLoss(**{"reduction": "none", "pos_weight": WEIGHT, **(bce or {})})
        self.ce = nn.CrossEntropyLoss(label_smoothing=smoothing)

    def __call__(self, out: Any, y: Any) -> tuple[Any, Any]:
        """Compute both."""
        return (self.bce(out, self.assigner(out)) * torch.arange(3.0)).sum(), self.ce(out, y)


class Renamed:
    """The same under other names."""

    def __init__(self, **bce: Any) -> None:
        self.bce_loss = nn.BCEWithLogitsLoss(**{"reduction": "none", "pos_weight": WEIGHT, **bce})
        self.ce, self.sigmoid = nn.CrossEntropyLoss(label_smoothing=0.1), nn.Sigmoid()

    def __call__(self, out: Any, y: Any) -> tuple[Any, Any]:
        """Compute both."""
        target = (1.5 * self.sigmoid(out.detach())).clamp(0, 1)
        return (self.bce_loss(out, target) * torch.arange(3.0)).sum(), self.ce(out, y)


class Written:
    """The same with functions."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, out: Any, y: Any) -> tuple[Any, Any]:
        """Compute both."""
        target = (1.5 * out.detach().sigmoid()).clamp(0, 1)
        bce = F.binary_cross_entropy_with_logits(out, target, reduction="none", pos_weight=WEIGHT)
        return (self.gain * bce * torch.arange(3.0)).sum(), F.cross_entropy(out, y, label_smoothing=0.1)


class Registered(nn.Module):
    """The same as a module."""

    def __init__(self) -> None:
        super().__init__()
        self.criterion = Criterion()
        self.bce, self.ce, self.assigner = self.criterion.bce, self.criterion.ce, self.criterion.assigner

    def forward(self, out: Any, y: Any) -> tuple[Any, Any]:
        """Compute both."""
        return self.criterion(out, y)


def build(make: Any = Criterion, others: str = "", seed: int = 0, **options: Any) -> dict[str, Any]:
    """Return a recipe's parts; ``others`` says what is held, or returned, beside the net and the criterion."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    teacher, criterion = copy.deepcopy(net), make(**options)
    draws = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(4, 6, generator=draws), "y": torch.arange(4) % 3}
    idle = {"transform": nn.Linear(6, 6), "net": copy.deepcopy(net)} if "idle" in others else {}

    def step(batch: Any) -> Any:
        assert "transform" in idle or not idle
        out = net(batch["x"])
        bce, ce = criterion(out, batch["y"])
        if "teacher" in others:
            with torch.no_grad():
                bce = bce + (teacher(batch["x"]) * out).sum()
        return {"bce": bce, "ce": ce}

    modules = {"net": net}
    modules.update({"criterion": criterion} if "criterion" in others else {})
    modules.update({"teacher": teacher} if "returned" in others else {})
    return {"modules": modules, "batch": batch, "step": step}


Recorded = Callable[..., Capture]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Return what records a reference, each once."""

    @functools.cache
    def record(grads: bool = False, **how: Any) -> Capture:
        folder = tmp_path_factory.mktemp("held") / "ref"
        return in_process.record(functools.partial(build, **how), folder, seeds=(1, 2, 3), grads=grads)

    return record


def report(capture: Capture, rules: Any = (), **how: Any) -> Report:
    """Run a port beside a capture."""
    shutil.rmtree(
        capture.folder / "probes", ignore_errors=True
    )  # they are told apart by digests, which these have none of
    return bisect(in_process.beside(capture, functools.partial(build, **how), rules), capture)


def proved(found: Report) -> list[list[str]]:
    """Return the sites of each culprit that is named with proof."""
    return [list(culprit.sites) for culprit in found.culprits if culprit.confirmed]


def said(found: Report, check: str) -> list[str]:
    """Return what the preflight says of one kind."""
    return [row.message for row in found.preflight if row.check == check]


def test_what_a_plain_criterion_holds_is_compared(recorded: Recorded) -> None:
    """By the names that a person would give it; all else follows."""
    capture = recorded(grads=True)
    names = [entry.name for entry in capture.manifest.described.modules if entry.held]
    assert names == ["criterion.bce", "criterion.ce", "criterion.assigner.act"]
    found = report(capture)
    assert (found.verdict, found.preflight, found.notes) == ("agrees", (), ()), found.sentence


@pytest.mark.parametrize(
    ("fault", "site", "words"),
    [
        ({"bce": {"reduction": "mean"}}, "criterion.bce", "reduction mean, reference none"),
        ({"bce": {"reduction": "sum"}}, "criterion.bce", "reduction sum, reference none"),
        ({"bce": {"pos_weight": None}}, "criterion.bce", ""),
        ({"bce": {"pos_weight": WEIGHT.flip(0)}}, "criterion.bce.pos_weight", ""),
        ({"smoothing": 0.0}, "criterion.ce", "label_smoothing 0.0, reference 0.1"),
        ({"act": nn.Tanh}, "criterion.assigner.act", "class Tanh, reference Sigmoid"),
    ],
)
def test_its_fault_is_the_modules(recorded: Recorded, fault: Any, site: str, words: str) -> None:
    """Not that of the line which calls it; the preflight lists its setting."""
    found = report(recorded(), **fault)
    assert (found.verdict, proved(found)) == ("diverges", [[site]]), found.sentence
    assert [words in row for row in said(found, "setting")] == [True] * bool(words)


@pytest.mark.parametrize("sides", [{"make": Written}, {"ref": {"make": Written}}], ids=["reference", "port"])
def test_one_side_may_write_it_with_functions(recorded: Recorded, sides: Any) -> None:
    """Of the calls that it lacks nothing is known, and it agrees."""
    capture = recorded(**sides.get("ref", {}))
    assert report(capture, **({} if "ref" in sides else sides)).verdict == "agrees"


@pytest.mark.parametrize(
    ("reference", "port"),
    [({}, {"make": Written, "gain": 2.0}), ({"make": Written, "gain": 2.0}, {})],
    ids=["the reference holds modules", "the port does"],
)
def test_a_fault_beside_what_one_side_holds_is_proved(recorded: Recorded, reference: Any, port: Any) -> None:
    """What has no partner is code of whoever holds it."""
    found = report(recorded(**reference), **port)
    assert (found.verdict, proved(found)) == ("diverges", [["step"]]), found.sentence


@pytest.mark.parametrize("rules", [(), ((r"^criterion\.bce\b", "criterion.bce_loss"),)], ids=["no rule", "a rule"])
def test_other_names_are_paired_by_their_classes(recorded: Recorded, rules: Any) -> None:
    """Where each is the only one of its class that is left."""
    assert report(recorded(), rules, make=Renamed).verdict == "agrees"
    found = report(recorded(), rules, make=Renamed, reduction="mean")
    assert (found.verdict, proved(found)) == ("diverges", [["criterion.bce"]]), found.sentence


@pytest.mark.parametrize("others", ["", "criterion"], ids=["held", "returned"])
@pytest.mark.parametrize("by_the_port", [False, True], ids=["by the reference", "by the port"])
def test_a_criterion_that_is_a_module_on_one_side(recorded: Recorded, others: str, *, by_the_port: bool) -> None:
    """Its losses are the other side's all the same."""
    module = {"make": Registered, "others": others}
    found = report(recorded(), **module) if by_the_port else report(recorded(**module))
    assert found.verdict == "agrees", found.sentence
    faulty = {"smoothing": 0.0}
    if not by_the_port:
        assert proved(report(recorded(**module), **faulty)) == [["criterion.ce"]]


@pytest.mark.parametrize("sides", [("teacher", "teacher"), ("teacher returned", "teacher")], ids=["both hold", "one"])
def test_a_teacher_that_is_not_returned_has_the_references_weights(recorded: Recorded, sides: tuple[str, str]) -> None:
    """On which the losses rest."""
    found = report(recorded(grads=True, others=sides[0]), others=sides[1])
    assert (found.verdict, found.preflight, found.notes) == ("agrees", (), ()), found.sentence


@pytest.mark.parametrize("sides", [("idle", ""), ("", "idle")], ids=["reference", "port"])
def test_what_step_holds_and_does_not_call_is_no_part_of_the_model(recorded: Recorded, sides: tuple[str, str]) -> None:
    """A transform of the data, or a second net, that one side alone keeps."""
    found = report(recorded(grads=True, others=sides[0]), others=sides[1])
    assert (found.verdict, found.preflight, found.notes) == ("agrees", (), ()), found.sentence


class Drawn:
    """A value that no other code can look into."""

    def __init__(self, value: Any) -> None:
        self.read = lambda: value


class Opaque(nn.Module):
    """Gives such a one; ``gain`` may be wrong."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, out: Any, _y: Any) -> Any:
        """Compute."""
        value = Drawn(self.gain * out.square().mean())
        return _Both(value)


class _Both:
    def __init__(self, value: Drawn) -> None:
        self.value = value

    def __iter__(self) -> Any:
        return iter((self.value.read(), self.value.read()))


def test_a_call_that_has_a_partner_and_cannot_be_given_is_one_with_the_code_around(recorded: Recorded) -> None:
    """What it gives is no tensor: the fault lies in one of the two."""
    found = report(recorded(make=Opaque, others="criterion"), make=Opaque, others="criterion", gain=2.0)
    assert (found.verdict, proved(found)) == ("diverges", [["step"]]), found.sentence
    assert "or of a call inside it" in found.sentence


LINES = """
import torch
import torch.nn.functional as F
from torch import nn


class Loss:
    def __init__(self, is_port):
        self.is_port = is_port
        self.bce = None if is_port else nn.BCEWithLogitsLoss(reduction="none")

    def __call__(self, out, target):
        weight = 1 + target
        if self.is_port:
            each = F.binary_cross_entropy_with_logits(out, target, reduction="none")
        else:
            each = self.bce(out, target)
        weighed = each * weight
        return weighed.sum() / (4 if self.is_port else 2)


def make(is_port, seed):
    torch.manual_seed(seed)
    net, loss = nn.Linear(6, 4), Loss(is_port)
    draw = torch.Generator().manual_seed(0)
    batch = {"x": torch.randn(8, 6, generator=draw), "y": torch.rand(8, 4, generator=draw)}
    return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": loss(net(b["x"]), b["y"])}}


def ref(seed=0):
    return make(False, seed)


def port(seed=0):
    return make(True, seed)
"""


def test_the_line_of_a_fault_beside_a_module_that_the_port_writes_as_a_function_is_named(tmp_path: Path) -> None:
    """With the real command line."""
    (tmp_path / "recipe.toml").write_text(PAIR_RECIPE)
    (tmp_path / "pair.py").write_text(LINES)
    where = ("--recipe", str(tmp_path), "--captures", str(tmp_path / "captures"))
    assert run_bisect("capture", *where, "--seeds", "3").returncode == 0
    done = json.loads(run_bisect("run", *where, "--json").stdout)
    (culprit,) = done["culprits"]
    line = LINES.splitlines().index("        return weighed.sum() / (4 if self.is_port else 2)") + 1
    assert (done["verdict"], culprit["confirmed"]) == ("diverges", True)
    assert culprit["line"]["port"]["line"] == line
