"""Pairs that once made the tool accuse an innocent, or exonerate a fault: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import json
import pathlib
import torch
from torch import nn
import torch.nn.functional as F

{net}

def make(is_port, seed):
    torch.manual_seed(seed)
    net = Net(is_port)
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4}}
    return {{"modules": {{"net": net}}, "batch": batch, "step": lambda b: {{"loss": {loss}}}}}

def ref(seed=0):
    return make(False, seed)

def port(seed=0):
    return make(True, seed)
"""

LOSS = 'F.cross_entropy(net(b["x"]), b["y"])'

TRANSPOSED = '''
class Dense(nn.Module):
    """A linear layer that stores its weight the other way round."""
    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.rand(4) - 0.5)
    def forward(self, x):
        return x @ self.weight + self.bias

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.out = Dense() if is_port else nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.norm(x))
'''

INPLACE = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.norm, self.act = nn.LayerNorm(6), nn.ReLU(inplace=True)
        self.fc = nn.LayerNorm(6, eps=0.1 if is_port else 1e-5)
        self.out = nn.Linear(6, 4)
    def forward(self, x):
        x = self.norm(x)
        return self.out(x + self.fc(self.act(x)))
"""

HIDDEN = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.a = nn.Linear(6, 8, bias=not is_port)  # a bias before a batch norm does nothing
        self.bn = nn.BatchNorm1d(8, eps=0.1 if is_port else 1e-5)
        self.out = nn.Linear(8, 4)
        if not is_port:
            nn.init.constant_(self.a.bias, 1.0)
    def forward(self, x):
        return self.out(self.bn(self.a(x)))
"""

CALLS = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.relu = is_port, nn.ReLU()
        self.a, self.n, self.out = nn.Linear(6, 8), nn.LayerNorm(8, eps=0.1 if is_port else 1e-5), nn.Linear(8, 4)
    def forward(self, x):
        x = F.relu(self.a(x)) if self.is_port else self.relu(self.a(x))
        return self.out(self.relu(self.n(x)))
"""

TIED = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 4)
        self.b.weight = self.a.weight
        nn.init.normal_(self.a.weight, std=30.0 if is_port else 0.02)
    def forward(self, x):
        return self.out(self.b(torch.relu(self.a(x))))
"""

FUNCTIONAL = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.a, self.out = is_port, nn.Linear(6, 8), nn.Linear(8, 4)
    def forward(self, x):
        x = F.linear(x, self.a.weight, self.a.bias) if self.is_port else self.a(x)
        return self.out(torch.relu(x))
"""

OUTPUT = '''
import collections

class Output(collections.OrderedDict):
    """A dict that is read by attribute, as some libraries return."""
    def __getattr__(self, name):
        return self[name]

class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 4)
    def forward(self, x):
        return Output(logits=self.out(x))

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.inner, self.norm = Inner(), nn.LayerNorm(4, eps=0.1 if is_port else 1e-5)
    def forward(self, x):
        return self.norm(self.inner(x).logits)
'''

LOADED = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.out = nn.Linear(6, 4)
        with torch.no_grad():
            self.out.weight.copy_(torch.arange(24.0).reshape(4, 6) / 24)
            self.out.bias.zero_()
    def forward(self, x):
        return self.out(x)
"""

SETTINGS = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        eps = json.loads(pathlib.Path(__file__).with_name("settings.json").read_text())["eps"] if is_port else 1e-5
        self.norm, self.out = nn.LayerNorm(6), nn.Linear(6, 4)
        self._eps = eps
    def forward(self, x):
        return self.out(F.layer_norm(x, (6,), eps=self._eps) + self.norm(x))
"""


def run(tmp_path: Path, net: str, names: str = "", loss: str = LOSS) -> dict:
    """Capture and run a pair; return the report."""
    (tmp_path / "recipe.toml").write_text(PAIR_RECIPE + names)
    (tmp_path / "pair.py").write_text(PAIR.format(net=net, loss=loss))
    done = run_bisect("capture", "--captures", "captures", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return again(tmp_path)


def again(tmp_path: Path) -> dict:
    """Run a pair that is captured; return the report."""
    done = run_bisect("run", "--captures", "captures", "--target", "loss", "--json", cwd=tmp_path)
    assert done.returncode in (0, 1, 3), done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == {"agrees": 0, "diverges": 1, "inconclusive": 3}[report["verdict"]]
    return report


def confirmed(report: dict) -> list[str]:
    """Return the sites of all confirmed culprits."""
    return [site for culprit in report["culprits"] if culprit["confirmed"] for site in culprit["sites"]]


@pytest.mark.parametrize(
    ("net", "verdict", "sites"),
    [
        pytest.param(HIDDEN, "diverges", ["net.bn"], id="an equivalent layer before the fault is not confirmed"),
        pytest.param(CALLS, "diverges", ["net.n"], id="calls of a module that is called less often are left out"),
        pytest.param(TIED, "diverges", ["net.a.weight"], id="a tied weight is one tensor"),
        pytest.param(FUNCTIONAL, "agrees", [], id="a parameter may be read by a functional call"),
        pytest.param(OUTPUT, "diverges", ["net.norm"], id="outputs keep the port's own class"),
        pytest.param(INPLACE, "diverges", ["net.fc"], id="where skipping proves nothing, the forced pass does"),
        pytest.param(LOADED, "agrees", [], id="initialisations that never differ are no narrower than rounding"),
    ],
)
def test_the_confirmed_sites_are_the_true_ones(net: str, verdict: str, sites: list[str], tmp_path: Path) -> None:
    """Whoever is confirmed is to blame, and nobody else is."""
    report = run(tmp_path, net)
    assert (report["verdict"], confirmed(report)) == (verdict, sites)


def test_what_cannot_be_proved_is_inconclusive(tmp_path: Path) -> None:
    """A tensor of another shape cannot be given the reference's value: nobody is confirmed, and the reason is said."""
    report = run(tmp_path, TRANSPOSED)
    assert (report["verdict"], confirmed(report)) == ("inconclusive", [])
    assert any("net.out.weight could not be given the reference's value" in line for line in report["open_ends"])


def test_settings_that_the_port_reads_are_part_of_the_cache_key(tmp_path: Path) -> None:
    """A changed settings file is another port: nothing of the old one is believed."""
    (tmp_path / "settings.json").write_text('{"eps": 1e-5}')
    assert run(tmp_path, SETTINGS)["verdict"] == "agrees"
    (tmp_path / "settings.json").write_text('{"eps": 0.5}')
    report = again(tmp_path)
    assert report["verdict"] == "diverges"
    assert report["probes"]["cached"] == 0


def test_mended_rename_rules_are_believed_at_once(tmp_path: Path) -> None:
    """The readings of a wrong pairing do not survive the rule that made it."""
    net = HIDDEN.replace("0.1 if is_port else 1e-5", "1e-5").replace(
        "self.a = nn.Linear(6, 8, bias=not is_port)", "self.a, self.b = nn.Linear(6, 8), nn.Linear(6, 8)"
    )
    net = net.replace("self.bn(self.a(x))", "self.bn(self.a(x) - torch.relu(self.b(x)))").replace(
        "if not is_port", "if True"
    )
    swapped = '[names]\nrename = [["^net.a", "net.x"], ["^net.b\\\\.", "net.a."], ["^net.x", "net.b"]]\n'
    assert run(tmp_path, net, swapped)["verdict"] != "agrees"
    (tmp_path / "recipe.toml").write_text(PAIR_RECIPE)
    assert again(tmp_path)["verdict"] == "agrees"


INSIDE = """
class Block(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.fc = is_port, nn.Linear(6, 6)
    def forward(self, x):
        return x + torch.tanh(self.fc(x)) if self.is_port else torch.tanh(self.fc(x))

class Layer(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.block = is_port, Block(is_port)
    def forward(self, x):
        return self.block(x) if self.is_port else x + self.block(x)

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.one, self.two = Layer(is_port), Layer(is_port)
        self.norm, self.out = nn.LayerNorm(6, eps={eps} if is_port else 1e-5), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.norm(self.two(self.one(x))))
"""


@pytest.mark.parametrize(("eps", "verdict", "sites"), [("1e-5", "agrees", []), ("0.3", "diverges", ["net.norm"])])
def test_a_residual_on_the_other_side_of_a_block_is_no_fault(
    eps: str, verdict: str, sites: list[str], tmp_path: Path
) -> None:
    """Blocks that add their input on one side only, in a layer that is right, hide nobody and are not accused."""
    report = run(tmp_path, INSIDE.replace("{eps}", eps))
    assert (report["verdict"], confirmed(report)) == (verdict, sites)
    assert sum("code is placed otherwise there, and does no harm" in note for note in report["notes"]) == 1


GATED = """
class Block(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.gamma = is_port, nn.Parameter(torch.full((6,), 1e-6))
        self.fc1, self.fc2 = nn.Linear(6, 6), nn.Linear(6, 6)
    def forward(self, x):
        h = self.fc1(x)
        return x + self.gamma * self.fc2(F.relu(h) if self.is_port else F.gelu(h))

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.block, self.out = Block(is_port), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.block(x))
"""

MOVED = """
class First(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.fc, self.norm = is_port, nn.Linear(6, 6), nn.LayerNorm(6)
    def forward(self, x):
        h = self.norm(self.fc(x))
        return h if self.is_port else F.gelu(h)

class Second(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.norm, self.fc = is_port, nn.LayerNorm(6), nn.Linear(6, 6)
    def forward(self, x):
        return self.fc(self.norm(F.gelu(x) if self.is_port else x))

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.first, self.second, self.out = First(is_port), Second(is_port), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.second(self.first(x)))
"""

IN_THE_ROOT = """
class Net(nn.Module):  # cross_entropy of log-probabilities is that of logits
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.out = is_port, nn.Linear(6, 4)
    def forward(self, x):
        return self.out(x).log_softmax(-1) if self.is_port else self.out(x)
"""

FLATTENED = """
class Embed(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.fc = is_port, nn.Linear(3, 3)
    def forward(self, x):
        x = self.fc(x.reshape(16, 2, 3))
        return x.flatten(1) if self.is_port else x

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.embed, self.out = Embed(is_port), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.embed(x).flatten(1))
"""


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(MOVED, id="from the end of one block to the start of the next"),
        pytest.param(IN_THE_ROOT, id="between the model and step"),
    ],
)
def test_code_that_is_placed_otherwise_is_no_fault(net: str, tmp_path: Path) -> None:
    """Nobody is accused where what is around the moved code is right; the report says what was passed over."""
    report = run(tmp_path, net)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert any("code is placed otherwise there, and does no harm" in note for note in report["notes"])


def test_a_reshape_that_moved_is_the_same_value(tmp_path: Path) -> None:
    """Neighbouring axes as one: it is compared where it is, and nothing is passed over."""
    report = run(tmp_path, FLATTENED)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert not any("placed otherwise" in note for note in report["notes"])
    assert report["ruled_out"][0].startswith("all 4 module calls: ")


def test_a_closed_gate_excuses_nobody(tmp_path: Path) -> None:
    """A block whose gate lets next to nothing through is right whatever is inside: the wrong activation is named."""
    report = run(tmp_path, GATED)
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net.block"])
    assert not report["culprits"][0]["felt"]


BESIDE = """
class Block(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.fc = is_port, nn.Linear(6, 6)
    def forward(self, x):
        return x + torch.tanh(self.fc(x)) if self.is_port else torch.tanh(self.fc(x))

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.block = is_port, Block(is_port)
        self.norm, self.act = nn.LayerNorm(6, eps=0.3 if is_port else 1e-5), nn.SiLU()
        self.out = nn.Linear(6, 4)
    def forward(self, x):
        x = self.act(self.norm(x))
        return self.out(self.block(x) if self.is_port else x + self.block(x))
"""

TWO_BESIDE = BESIDE.replace("nn.SiLU()", "nn.ReLU() if is_port else nn.SiLU()")


@pytest.mark.parametrize(("net", "sites"), [(BESIDE, ["net.norm"]), (TWO_BESIDE, ["net.norm", "net.act"])])
def test_moved_code_beside_a_fault_is_not_accused(net: str, sites: list[str], tmp_path: Path) -> None:
    """Only what has to be patched to make the call around both right is blamed."""
    report = run(tmp_path, net)
    assert (report["verdict"], sorted(confirmed(report))) == ("diverges", sorted(sites))
    assert any(note.startswith("net.block: handed or giving another value") for note in report["notes"])


ONE_PASS = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.fc, self.out = is_port, nn.Linear(6, 64), nn.Linear(64, 4)
        nn.init.constant_(self.fc.bias, 60.0)
    def forward(self, x):
        h = self.fc(x)
        mean = h.mean(-1, keepdim=True)
        wide = (h * h).mean(-1, keepdim=True) - mean * mean if self.is_port else h.var(-1, keepdim=True, unbiased=False)
        return self.out((h - mean) / (wide + 1e-5).sqrt())
"""


def test_a_container_that_rounds_more_is_not_accused(tmp_path: Path) -> None:
    """A variance in one pass loses digits in float32; in float64 it is the reference's."""
    report = run(tmp_path, ONE_PASS)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert [note for note in report["notes"] if "gradients" not in note] == []


HALF = """
class Mlp(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.a, self.b = is_port, nn.Parameter(torch.randn(6, 32)), nn.Parameter(torch.randn(32, 6))
    def forward(self, x):
        a, b = self.a.bfloat16(), self.b.bfloat16()
        if self.is_port:
            half = x.bfloat16()
            return x + (F.gelu(half[:, :3] @ a[:3] + half[:, 3:] @ a[3:]) @ b).float()
        return x + (F.gelu(x.bfloat16() @ a) @ b).float()

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.one, self.two, self.out = Mlp(is_port), Mlp(is_port), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.two(self.one(x)))
"""


def test_rounding_of_bfloat16_inside_a_module_is_no_fault(tmp_path: Path) -> None:
    """What the reference itself computes in bfloat16 may be off by bfloat16's rounding."""
    report = run(tmp_path, HALF)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])


def test_bfloat16_where_the_reference_has_none_is_named(tmp_path: Path) -> None:
    """The port alone rounds: float64 outside the cast does not clear it."""
    net = HALF.replace("a, b = self.a.bfloat16(), self.b.bfloat16()", "a, b = self.a, self.b")
    net = net.replace("half = x.bfloat16()", "half = x.bfloat16().to(x.dtype)").replace("x.bfloat16() @ a", "x @ a")
    report = run(tmp_path, net)
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net.one", "net.two"])


RECORD = '''
class Hidden:
    """What cannot be written down: it has code of its own, as some models return."""
    def __init__(self, value):
        self.value = value
    def __call__(self):
        return self.value

class Inner(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.fc = is_port, nn.Linear(6, 6)
    def forward(self, x):
        h = self.fc(x)
        return Hidden(F.relu(h) if self.is_port else F.silu(h))

class Outer(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.inner, self.norm = Inner(is_port), nn.LayerNorm(6)
    def forward(self, x):
        return self.norm(x) + self.inner(x).value

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.outer, self.out = Outer(is_port), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.outer(x))
'''


def test_a_call_that_cannot_be_compared_is_named_beside_its_container(tmp_path: Path) -> None:
    """The container is blamed as far as the probes go, and the report says which call inside may be it."""
    report = run(tmp_path, RECORD)
    assert confirmed(report) == ["net.outer"]
    messages = [finding["message"] for finding in report["culprits"][0]["findings"]]
    assert any(
        "net.outer.inner hands on" in message and "neither given nor compared" in message for message in messages
    )


NUMBER = """
class Roll(nn.Module):
    def forward(self, x, by):
        return torch.roll(x, by, 1)

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.roll, self.out = is_port, Roll(), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.roll(x, 1 if self.is_port else 2))
"""


POOLED = """
class Pool(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
    def forward(self, x):
        return F.adaptive_avg_pool1d(x, self.size)

class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.pool, self.fc = Pool(size), nn.Linear(6, 6)
    def forward(self, x):
        return self.fc(x + self.pool(x).square().mean(-1, keepdim=True))

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.block, self.out = Block(2 if is_port else 3), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.block(x))
"""


def test_code_that_reads_an_output_of_another_shape_is_not_accused(tmp_path: Path) -> None:
    """That output cannot be replaced by the reference's, and so the code around hands something wrong to the next call."""
    report = run(tmp_path, POOLED)
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net.block.pool"])
    assert len(report["culprits"]) == 1


def test_a_number_that_is_handed_to_a_module_is_compared(tmp_path: Path) -> None:
    """The module is right; who hands it another number is to blame."""
    report = run(tmp_path, NUMBER)
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net"])
    assert "the number 1, reference 2" in report["culprits"][0]["findings"][0]["message"]


FAINT = """
class Branch(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.fc, self.norm = nn.Linear(6, 6), nn.BatchNorm1d(6, eps=0.01 if is_port else 1e-5)
    def forward(self, x):
        return {branch}

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.branch, self.out = Branch(is_port), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(x + {scale} * self.branch(x))
"""


@pytest.mark.parametrize(
    ("branch", "scale"),
    [
        pytest.param("torch.tanh(self.norm(self.fc(x)))", "1e-3", id="all in the branch was excused"),
        pytest.param("self.norm(self.fc(x)) ** 5", "5e-6", id="the branch was blamed"),
    ],
)
def test_a_small_fault_that_the_loss_hardly_feels_is_named_where_it_is(branch: str, scale: str, tmp_path: Path) -> None:
    """That what is around a call is right excuses it only where an error of its own size would be felt there."""
    report = run(tmp_path, FAINT.format(branch=branch, scale=scale))
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net.branch.norm"])
    assert not report["culprits"][0]["felt"]


LOADING = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        loaded = torch.Generator().manual_seed(5)  # as from a file
        self.a, self.b, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 4)
        with torch.no_grad():
            for tensor in [*self.parameters()]:
                tensor.copy_(torch.randn(tensor.shape, generator=loaded))
            {port}
    def forward(self, x):
        return self.out(x + 1e-7 * self.b(torch.tanh(self.a(x))))
"""


@pytest.mark.parametrize(
    ("port", "sites", "said"),
    [
        pytest.param("is_port and self.a.weight.copy_(self.a.weight.T.clone())", ["net.a.weight"], "transposed", id="transposed"),
        pytest.param("is_port and nn.init.normal_(self.b.weight)", ["net.b.weight"], "starts as", id="not loaded"),
        pytest.param("pass", [], "", id="all loaded"),
    ],
)  # fmt: skip
def test_a_weight_that_is_not_loaded_as_the_others_are_is_named(
    port: str, sites: list[str], said: str, tmp_path: Path
) -> None:
    """Whoever has most of the numbers that the reference starts with at every seed must have all of them."""
    report = run(tmp_path, LOADING.format(port=port))
    assert (report["verdict"], confirmed(report)) == ("diverges" if sites else "agrees", sites)
    for culprit in report["culprits"]:
        assert (culprit["kind"], culprit["felt"], len(culprit["findings"])) == ("values", False, 1)
        assert said in culprit["findings"][0]["message"]
        assert (
            "though loss does not show it: the reference has other values, the same at every seed" in report["sentence"]
        )


SHIFTED = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.out = nn.Linear(6, 4)
        nn.init.normal_(self.out.weight, generator=torch.Generator().manual_seed(5))
        nn.init.constant_(self.out.bias, 1.0 if is_port else 2.0)
    def forward(self, x):
        return self.out(x)
"""


def test_another_constant_that_the_target_does_not_feel_is_proved_by_its_layer(tmp_path: Path) -> None:
    """A softmax takes a shift of all logits away: what is off is the output of the layer that has the bias.

    So where the port has its other numbers from the reference; one that draws its own may start a bias as it likes.
    """
    report = run(tmp_path, SHIFTED)
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net.out.bias"])
    assert "though loss does not show it: the reference has other values, the same at every seed" in report["sentence"]
    assert "starts as 1 ± 0, reference 2 ± 0 at every seed" in report["culprits"][0]["findings"][0]["message"]


RARE = """
class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        torch.manual_seed(26 if is_port else 271 + torch.initial_seed())  # 271 to 279 happen to lie close together
        self.a, self.b = nn.Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False)
    def forward(self, x):
        return self.a(x) + self.b(x)
"""


def test_a_start_outside_the_spread_that_nothing_explains_is_a_rare_draw(tmp_path: Path) -> None:
    """Where every parameter follows the reference's law, and either half of them heals, no part of them is to blame."""
    report = run(tmp_path, RARE)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert any(note.startswith("loss starts at 2.16") and "a rare draw" in note for note in report["notes"])
    assert "starts within" not in report["sentence"]


def test_a_start_outside_the_spread_that_another_law_explains_is_no_rare_draw(tmp_path: Path) -> None:
    """Wider weights are not excused."""
    port = "if is_port:\n            nn.init.normal_(self.a.weight, std=9.0)\n    def forward"
    report = run(tmp_path, RARE.replace("    def forward", f"        {port}"))
    assert (report["verdict"], confirmed(report)) == ("diverges", ["net.a.weight"])


ROUNDED = """
def naive(out):
    return torch.log(1 + torch.exp(-out)).mean()  # 1 leaves few digits of what is added to it

def careful(out):
    return torch.log1p(torch.exp(-out)).mean()

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.out = nn.Linear(6, 4)
        nn.init.constant_(self.out.bias, 10.0)
    def forward(self, x):
        return self.out(x)
"""


@pytest.mark.parametrize(
    ("port", "verdict", "sites"),
    [
        pytest.param("careful", "agrees", [], id="faithful"),
        pytest.param("1.3 * careful", "diverges", ["step"], id="a fault in the loss"),
    ],
)
def test_a_loss_that_the_reference_rounds_badly_may_be_computed_better(
    port: str, verdict: str, sites: list[str], tmp_path: Path
) -> None:
    """As far off as the reference's own loss is in float32 the port's may be, and no further."""
    report = run(tmp_path, ROUNDED, loss=f'{port}(net(b["x"])) if is_port else naive(net(b["x"]))')
    assert report["verdict"] == verdict
    assert confirmed(report) == sites


DTYPE = """
def saturated(out):
    p = out.sigmoid()
    return -(1 - p).clamp(min=torch.finfo(p.dtype).eps).log().mean()

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.out = nn.Linear(6, 4)
        nn.init.constant_(self.out.bias, 40.0)
    def forward(self, x):
        return self.out(x)
"""


def test_a_loss_that_asks_for_its_dtype_excuses_nobody(tmp_path: Path) -> None:
    """What float64 makes of it is another number altogether, and no rounding."""
    report = run(tmp_path, DTYPE, loss='saturated(net(b["x"])) * (1.3 if is_port else 1.0)')
    assert (report["verdict"], confirmed(report)) == ("diverges", ["step"])
