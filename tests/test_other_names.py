"""Ports that keep their tensors under other names, in other parts or another form: real torch pairs, in this process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from bisect_tool.report.data import Report
from bisect_tool.session import bisect


def build(net: Any, seed: int = 0, **options: Any) -> dict[str, Any]:
    """Return a recipe's parts around a net."""
    torch.manual_seed(seed)
    model = net(**options)
    draws = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(4, 6, generator=draws), "y": torch.randn(4, 3, generator=draws)}

    def step(batch: Any) -> Any:
        return {"loss": F.mse_loss(model(batch["x"]), batch["y"])}

    return {"modules": {"model": model}, "batch": batch, "step": step}


def report(folder: Path, ours: Any, theirs: Any, rules: Any = (), **options: Any) -> Report:
    """Record one net and run another beside it."""
    capture = in_process.record(functools.partial(build, ours), folder / "ref", seeds=(1, 2, 3, 4), grads=True)
    return bisect(in_process.beside(capture, functools.partial(build, theirs), rules, **options), capture)


def proved(found: Report) -> list[str]:
    """Return all that is named with proof."""
    return [site for culprit in found.culprits if culprit.confirmed for site in culprit.sites]


class Attention(nn.Module):
    """Three layers of one shape, registered in some order under some names."""

    def __init__(self, names: str = "q k v", drawn_by: int | None = None) -> None:
        super().__init__()
        if drawn_by is not None:
            torch.manual_seed(drawn_by)
        for name in names.split():
            self.add_module(name, nn.Linear(6, 6))
        self.out = nn.Linear(6, 3)
        self.order = sorted(names.split(), key=lambda name: "qkv".index(name[-1]))

    def forward(self, x: Any) -> Any:
        """Compute."""
        q, k, v = (getattr(self, name)(x) for name in self.order)
        return self.out((q @ k.t() / 6**0.5).softmax(-1) @ v)


@pytest.mark.parametrize("drawn_by", [None, 7])
def test_layers_registered_in_another_order_are_told_by_the_last_words_of_their_names(tmp_path, drawn_by):
    """The first of them starts with the numbers of another one, which is chance."""
    found = report(tmp_path, Attention, Attention, names="lin_v lin_k lin_q", drawn_by=drawn_by)
    assert found.verdict == "agrees", found.sentence


def test_what_rests_on_a_guess_is_not_proved_and_the_answer_begins_with_it(tmp_path):
    """Nothing tells which layer is which; a rename rule does."""
    names = {"names": "aav abk acq", "drawn_by": 7}
    found = report(tmp_path / "guessed", Attention, Attention, **names)
    assert found.verdict == "inconclusive"
    assert found.sentence.startswith(
        "No culprit could be proved: 6 tensors were matched by order only (model.q.weight = "
    )
    rules = [(rf"^model\.{name[-1]}\b", f"model.{name}") for name in names["names"].split()]
    assert report(tmp_path / "ruled", Attention, Attention, rules, **names).verdict == "agrees"


def test_numbers_that_a_net_draws_in_any_order_prove_nothing_of_who_calls_its_layers(tmp_path):
    """The port's first layer is the last one of the reference, and starts with the numbers of the first."""
    found = report(tmp_path, Attention, Attention, names="aav abk acq")
    assert (found.verdict, proved(found)) == ("inconclusive", [])
    assert "which of model.k, model.q and model.v is which rests on equal initial values alone" in found.sentence


class Fused(nn.Module):
    """Three layers in one, a layer of the same numbers in parts, or one whose weight lies in a plain list."""

    def __init__(self, held: str = "fused") -> None:
        super().__init__()
        self.held, layer = held, nn.Linear(6, 18)
        if held == "fused":
            self.qkv = layer
        elif held == "split":
            self.q, self.k, self.v = (nn.Linear(6, 6) for _ in range(3))
        elif held == "parameters":
            self.w, self.b = nn.Parameter(layer.weight.detach().t().contiguous()), nn.Parameter(torch.zeros(18))
        else:
            self.parts = [layer]
        self.out = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        """Compute."""
        if self.held == "split":
            q, k, v = self.q(x), self.k(x), self.v(x)
        elif self.held == "parameters":
            q, k, v = (x @ self.w + self.b).chunk(3, -1)
        else:
            q, k, v = (self.qkv if self.held == "fused" else self.parts[0])(x).chunk(3, -1)
        return self.out((q @ k.t() / 6**0.5).softmax(-1) @ v)


@pytest.mark.parametrize(
    ("held", "verdict"), [("split", "inconclusive"), ("parameters", "inconclusive"), ("list", "diverges")]
)
def test_only_a_port_that_has_no_room_for_a_parameter_does_not_train_it(tmp_path, held, verdict):
    """What the reference has in one layer the port may have in three, or in parts that have other names."""
    found = report(tmp_path, Fused, Fused, held=held)
    assert found.verdict == verdict
    assert proved(found) == (["model.qkv.weight", "model.qkv.bias"] if held == "list" else [])
    said = [
        end
        for end in found.open_ends
        if end.startswith("whether the port trains model.qkv.weight, model.qkv.bias was not")
    ]
    assert len(said) == (held != "list")


class Turned(nn.Module):
    """A layer whose weight lies transposed, as its code takes it or not; it may be wrong beside that."""

    def __init__(self, *, meant: bool, factor: float) -> None:
        super().__init__()
        layer = nn.Linear(6, 6)
        self.meant, self.factor, self.bias = meant, factor, layer.bias
        self.weight = nn.Parameter(layer.weight.detach().t().contiguous())

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.factor * F.linear(x, self.weight.t() if self.meant else self.weight, self.bias)


class Square(nn.Module):
    """Two square layers, the second of them in some form; ``loaded``: its weights are the same at every seed."""

    def __init__(self, form: str = "", factor: float = 1, *, loaded: bool = False) -> None:
        super().__init__()
        if loaded:
            torch.manual_seed(9)
        self.q = nn.Linear(6, 6)
        self.v = Turned(meant=form == "meant", factor=factor) if form else nn.Linear(6, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.out(torch.tanh(self.q(x)) * self.v(x))


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(
    ("form", "factor", "verdict"),
    [("meant", 1, "agrees"), ("mistake", 1, ""), ("meant", 2, "inconclusive")],
    ids=["meant", "turned by mistake", "meant, and a fault beside"],
)
def test_a_weight_that_lies_in_another_form(tmp_path, form, factor, verdict, loaded):
    """It is given in the form in which the port's code is right; where that takes the reference's as it is, it starts wrong."""
    ours = functools.partial(Square, loaded=loaded)
    found = report(tmp_path, ours, functools.partial(ours, form, factor))
    assert found.verdict == (verdict or ("diverges" if loaded else "agrees")), found.sentence
    assert proved(found) == (["model.v.weight"] if loaded and not verdict else [])
    said = "model.v.weight starts as the reference's transposed: the port's code is right with it so"
    assert any(row.message.startswith(said) for row in found.preflight) == (verdict == "agrees")


class Narrow(nn.Module):
    """A layer in some precision."""

    def __init__(self, dtype: Any = torch.bfloat16) -> None:
        super().__init__()
        self.out = nn.Linear(6, 3).to(dtype)

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.out(x.to(self.out.weight.dtype)).float()


def test_a_parameter_of_another_precision_is_listed(tmp_path):
    """Numpy has no bfloat16, and the answer may agree all the same."""
    found = report(tmp_path, Narrow, Narrow, dtype=torch.float32)
    (row,) = (row for row in found.preflight if row.check == "dtype")
    assert row.message == "float32, reference bfloat16: model.out.weight, model.out.bias"


class Zero(nn.Module):
    """A head that starts at zero, with its weight in one shape or the other."""

    def __init__(self, *, turned: bool = False) -> None:
        super().__init__()
        self.turned, self.first = turned, nn.Linear(6, 6)
        self.weight = nn.Parameter(torch.zeros((6, 3) if turned else (3, 6)))

    def forward(self, x: Any) -> Any:
        """Compute."""
        return torch.tanh(self.first(x)) @ (self.weight if self.turned else self.weight.t())


def test_gradients_of_another_shape_accuse_nobody(tmp_path):
    """The values are right whatever the shape, since all numbers are zero."""
    found = report(tmp_path, Zero, Zero, turned=True)
    assert (found.verdict, proved(found)) == ("agrees", [])
    assert "that could be compared" in found.sentence
    assert any("model.weight" in note and "not compared" in note for note in found.notes)


class Cross(nn.Module):
    """A weight that is drawn, and scaled by one formula or another: the same numbers, but for rounding."""

    def __init__(self, *, port: bool = False) -> None:
        super().__init__()
        self.port, self.out = port, nn.Linear(6, 3)
        self.weight = nn.Parameter(torch.randn(6, 6) / 6**0.5 if port else torch.randn(6, 6) * 6**-0.5)

    def forward(self, x: Any) -> Any:
        """Compute."""
        product = x @ self.weight.t()
        return self.out(F.relu(product) if self.port else torch.tanh(product))


def test_a_weight_that_is_drawn_by_another_formula_is_in_no_other_order(tmp_path):
    """It is off by rounding; the code that reads it is blamed for what it does."""
    found = report(tmp_path, Cross, Cross, port=True)
    assert (found.verdict, proved(found)) == ("diverges", ["model"])
