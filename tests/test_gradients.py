"""Pairs whose values agree and whose gradients may not: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
import torch.nn.functional as F
from torch import nn

class Signed(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.tanh(x)
    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return -gradient * (1 - torch.tanh(x) ** 2)

class Block(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port = is_port
        self.inner, self.act = nn.Linear(6, 6), nn.Tanh()

    def forward(self, x):
        {entry}
        hidden = self.act(self.inner(x))
        {block}
        return x + hidden

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port = is_port
        self.norm, self.first, self.second = nn.BatchNorm1d(6), Block(is_port), Block(is_port)
        self.before = nn.Linear(6, 6)
        self.out = nn.Linear(6, 4)

    def forward(self, x):
        x = self.norm(self.before(x))
        {net}
        return self.out(self.second(self.first(x)))

def weight_of(logits, is_port):
    weight = logits.softmax(-1).max(-1).values
    {weight}
    return weight

def make(is_port, seed):
    torch.manual_seed(seed)
    net = Net(is_port)
    {made}
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4}}

    def step(batch):
        logits = net(batch["x"])
        {step}
        losses = F.cross_entropy(logits, batch["y"], reduction="none")
        weight = weight_of(logits, is_port)
        return {{"loss": (losses * weight).mean()}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step{optimizer}}}

def ref(seed=0):
    return make(False, seed)

def port(seed=0):
    return make(True, seed)
"""
PLACES = ("entry", "block", "net", "weight", "made", "step")
SGD = ', "optimizer": torch.optim.SGD(net.parameters(), lr=0.1, momentum={momentum})'


def report_of(folder: Path, optimizer: str = "", target: str | None = None, **lines: str) -> tuple[int, dict]:
    """Capture the reference with gradients and run the port, which differs by some lines; return exit code and report."""
    recipe = folder / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    (recipe / "pair.py").write_text(
        PAIR.format(optimizer=optimizer, **{place: lines.get(place, "pass") for place in PLACES})
    )
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "4", "--grads", cwd=folder)
    assert done.returncode == 0, done.stderr
    wanted = [] if target is None else ["--target", target]
    done = run_bisect("run", "--recipe", str(recipe), "--json", *wanted, cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


FAULTS = {
    "detached in a container": ({"net": "x = x.detach() if self.is_port else x"}, ["net"], "x = x.detach()"),
    "half detached": (
        {"net": "x = (x + x.detach()) / 2 if self.is_port else x"},
        ["net"],
        "x = (x + x.detach()) / 2",
    ),
    "detached in blocks": (
        {"block": "hidden = hidden.detach() if self.is_port else hidden"},
        ["net.first", "net.second"],
        "hidden = hidden.detach()",
    ),
    "detached at the start of blocks in a chain": (
        {"entry": "x = x.detach() if self.is_port else x", "net": "x = x.detach()"},
        ["net.second"],  # nothing that learns lies before the first
        "x = x.detach()",
    ),
    "wrong sign": (
        {"made": "net.first.act.forward = Signed.apply if is_port else net.first.act.forward"},
        ["net.first.act"],
        "",
    ),
    "detached in step": (
        {"step": "logits = logits.detach() + 0 * logits if is_port else logits"},
        ["step"],
        "logits = logits.detach()",
    ),
    "not detached in a helper": (
        {"weight": "weight = weight if is_port else weight.detach()"},
        ["step"],
        "weight = weight if is_port",
    ),
    "detached in a helper": (
        {"weight": "weight = weight.detach() if is_port else weight"},
        ["step"],
        "weight = weight.detach()",
    ),
    "not detached beside what numpy reads": (
        {
            "step": 'logits = logits * float(batch["x"].numpy().max())',
            "weight": "weight = weight if is_port else weight.detach()",
        },
        ["step"],
        "weight = weight if is_port",
    ),
    "frozen": ({"made": "net.first.inner.bias.requires_grad_(not is_port)"}, ["net.first.inner.bias"], ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_backward_fault_is_named(fault: str, tmp_path: Path) -> None:
    """Its calls or parameters, all and no others, and the line where there is one."""
    lines, sites, line = FAULTS[fault]
    code, report = report_of(tmp_path, **lines)
    assert (code, report["verdict"]) == (1, "diverges")
    (culprit,) = report["culprits"]
    assert (culprit["kind"], culprit["confirmed"], sorted(culprit["sites"])) == ("gradient", True, sorted(sites))
    if line:
        port = culprit["line"]["port"]
        assert line in port["text"][port["line"] - port["first"]]


FAITHFUL = {
    "the same": {},
    "detached and frozen on both sides": {
        "net": "x = x.detach()",
        "made": "net.before.requires_grad_(False)",
        "weight": "weight = weight.detach()",
    },
    "written otherwise": {
        "block": "hidden = 2 * hidden - hidden if self.is_port else hidden",
        "net": "x = x if not self.is_port else (x.clone() * 2) / 2",
        "step": "logits = logits if not is_port else logits.transpose(0, 1).contiguous().transpose(0, 1)",
    },
    "read by numpy": {"step": 'logits = logits * float(batch["x"].numpy().max())'},
    "silent layers": {"step": "logits = logits + 0 * net.norm.weight.sum()"},
    "without gradients inside": {"net": "torch.no_grad()(self.before)(x)"},
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_faithful_port_agrees(name: str, tmp_path: Path) -> None:
    """However it is written, and whatever the reference itself detaches."""
    code, report = report_of(tmp_path, **FAITHFUL[name])
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", []), report["sentence"]


def test_targets_of_gradients(tmp_path: Path) -> None:
    """What a fault does to one parameter's gradient is judged by itself; a true zero and a wrong name are refused."""
    code, report = report_of(
        tmp_path, target="grad:net.before.weight", net="x = x.detach() + 0.5 * (x - x.detach()) if self.is_port else x"
    )
    (culprit,) = report["culprits"]
    assert (code, culprit["sites"], culprit["felt"]) == (1, ["net"], True)
    (where,) = tmp_path.glob("pair")
    words = ["run", "--recipe", str(where), "--target"]
    done = run_bisect(*words, "grad:net.out.bias", cwd=tmp_path)
    assert (done.returncode, "DIVERGES" in done.stdout) == (1, True)  # named, though this parameter does not feel it
    assert "though grad:net.out.bias does not show it" in " ".join(done.stdout.replace("│", " ").split())
    refused = run_bisect(*words, "grad:net.before.bias", cwd=tmp_path)
    assert refused.returncode == 2
    assert "its true gradient is zero" in refused.stderr
    unknown = run_bisect(*words, "grad:net.outer.bias", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "the reference trains no parameter 'net.outer.bias'" in unknown.stderr


def test_the_optimizer_is_compared(tmp_path: Path) -> None:
    """Another momentum is named by the parameters after two steps."""
    code, report = report_of(tmp_path, optimizer=SGD.format(momentum="0.5 if is_port else 0.9"))
    (culprit,) = report["culprits"]
    assert (code, culprit["kind"], culprit["confirmed"]) == (1, "step", True)
    assert "momentum 0.5, reference 0.9" in report["sentence"]


def test_zeroed_weights_silence_what_comes_before(tmp_path: Path) -> None:
    """The initial values that keep the gradient from others are named, and proved by two passes."""
    code, report = report_of(tmp_path, made="is_port and nn.init.zeros_(net.out.weight)")
    (culprit,) = report["culprits"]
    assert (code, culprit["kind"], culprit["sites"], culprit["confirmed"]) == (1, "values", ["net.out.weight"], True)
    assert any("get no gradient in the port, with its own weights" in said for said in report["gradients"]["said"])


NET = """
import torch
import torch.nn.functional as F
from torch import nn

class Checkpoint(torch.autograd.Function):
    @staticmethod
    def forward(context, module, x, *parameters):
        context.module, context.parameters = module, parameters
        context.save_for_backward(x)
        return module(x)
    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = context.module(x)
        return (None, *torch.autograd.grad(y, [x, *context.parameters], gradient))

class Gate(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.inner = is_port, nn.Linear(6, 6)
    def forward(self, x):
        gate = self.inner(x).sigmoid()
        {gate}
        return x * gate

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port = is_port
        self.a, self.b, self.out, self.id = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 4), nn.Identity()
        self.chain = nn.Sequential(nn.Linear(6, 6), nn.ReLU(inplace=True))
        self.rnn, self.gate = nn.LSTM(6, 6, batch_first=True), Gate(is_port)
        self.norm = nn.LayerNorm(6, eps={eps})
    def forward(self, x):
        {net}
        return self.out(x)

def make(is_port, seed):
    torch.manual_seed(seed)
    net = Net(is_port)
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4}}

    def step(batch):
        logits = net(batch["x"])
        log = logits.log_softmax(-1)
        chosen = log.gather(1, batch["y"][:, None])[:, 0]
        {step}
        weight = (1 - chosen.exp()) ** 2
        return {{"loss": -(weight * chosen).mean()}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}

def ref(seed=0):
    return make(False, seed)

def port(seed=0):
    return make(True, seed)
"""
# Split otherwise between two names of one value, the two sides of an identity, detach and no_grad: no fault.
SPLIT_OTHERWISE = {
    "no_grad for detach": """y = self.a(x).detach() if not self.is_port else None
        if self.is_port:
            with torch.no_grad():
                y = self.a(x)
        x = self.b(x + y)""",
    "two names of one value": """y, (hidden, _) = self.rnn(x[:, None])
        x = hidden[0] if self.is_port else y[:, -1]""",
    "the skip on the other side of an identity": """y = self.a(x)
        x = self.b(self.id(y)) + y if self.is_port else (lambda z: self.b(z) + z)(self.id(y))""",
    "a checkpoint of its own": """x = self.a(x)
        x = Checkpoint.apply(self.b, x, *self.b.parameters()) if self.is_port else self.b(x)""",
    "written over in place": "x = self.a(self.chain(x)); x += 1; x = self.gate(x)",
}


def verdict_of(folder: Path, **lines: str) -> tuple[int, dict]:
    """Capture and run a pair of ``NET`` with some lines; return exit code and report."""
    recipe = folder / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    given = {"net": "x = self.gate(self.norm(self.a(x)))", "gate": "pass", "step": "pass", "eps": "1e-5"}
    (recipe / "pair.py").write_text(NET.format(**{**given, **lines}))
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", "--grads", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = run_bisect("run", "--recipe", str(recipe), "--json", cwd=folder)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", SPLIT_OTHERWISE)
def test_a_gradient_that_is_split_otherwise_is_no_fault(name: str, tmp_path: Path) -> None:
    """Every parameter's gradient agrees: nobody is to blame."""
    code, report = verdict_of(tmp_path, net=SPLIT_OTHERWISE[name])
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", []), report["sentence"]


def test_two_faults_do_not_hide_each_other(tmp_path: Path) -> None:
    """One in a block, one in the code around the net."""
    code, report = verdict_of(
        tmp_path,
        gate="gate = gate.detach() if self.is_port else gate",
        step="chosen = (chosen + chosen.detach()) / 2 if is_port else chosen",
    )
    found = {site: c["confirmed"] for c in report["culprits"] for site in c["sites"]}
    assert (code, found) == (1, {"net.gate": True, "step": True})


def test_a_value_at_fault_does_not_hide_a_gradient(tmp_path: Path) -> None:
    """Another eps in one layer, a detach in another: both are named."""
    code, report = verdict_of(
        tmp_path, gate="gate = gate.detach() if self.is_port else gate", eps="0.1 if is_port else 1e-5"
    )
    found = {(c["kind"], site): c["confirmed"] for c in report["culprits"] for site in c["sites"]}
    assert (code, found) == (1, {("code", "net.norm"): True, ("gradient", "net.gate"): True})


def test_a_detach_in_an_argument_is_named_at_the_call(tmp_path: Path) -> None:
    """Not where the argument was computed."""
    _, report = verdict_of(
        tmp_path,
        net="""y = self.a(x)
        z = self.norm(y)
        x = self.gate(z.detach() if self.is_port else z)""",
    )
    (culprit,) = report["culprits"]
    port = culprit["line"]["port"]
    assert "self.gate(z.detach()" in port["text"][port["line"] - port["first"]]


def test_what_the_port_cannot_be_asked_is_said(tmp_path: Path) -> None:
    """Code that looks at a tensor's graph fails where it begins anew: the call is named, and why no line."""
    code, report = report_of(
        tmp_path,
        step="""same = logits * 1
        assert not is_port or "Clone" not in str(same.grad_fn)
        logits = same.detach() + 0 * logits if is_port else logits""",
    )
    (culprit,) = report["culprits"]
    assert (code, culprit["sites"], culprit["line"]) == (1, ["step"], None)
    (note,) = report["notes"]
    assert note.startswith("the lines of the backward pass were not looked for: pull_statements failed at ")
    assert note.endswith("AssertionError:")
