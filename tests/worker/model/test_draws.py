"""Random numbers that a step draws: recorded in one run, given in another where the same is drawn."""

# ruff: noqa: NPY002, PLW0108 - the functions are looked up when they are called, as a model's code does

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn, rand
from torch.nn import functional as F  # noqa: N812

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays.shards import ShardWriter
from bisect_tool.worker.model import calls
from bisect_tool.worker.model.build import Model
from bisect_tool.worker.model.draws import Giving, Recording, as_own

Code = Callable[[torch.Tensor], Any]


class Net(nn.Module):
    """Its forward is a function of the test's."""

    def __init__(self, code: Code) -> None:
        super().__init__()
        self.code = code

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run it."""
        return torch.as_tensor(self.code(x), dtype=torch.float64).sum()


def model_of(code: Code, outside: Code | None = None) -> Model:
    """Return a model of one module, after whose call step runs some code of its own."""
    net = Net(code)

    def step(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        loss = net(batch["x"])
        return {"loss": loss if outside is None else loss + torch.as_tensor(outside(batch["x"])).sum()}

    return Model(torch_adapter, {"net": net}, {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}, step)


def loss(model: Model, seed: int = 0) -> float:
    """Run one step and return its loss."""
    return float(model.read_targets(model.run_step(model.fresh_batch(), seed))[0]["loss"])


def record(model: Model, folder: Path, seed: int = 0) -> tuple[float, Recording, ShardWriter]:
    """Run one step and record what it draws."""
    store = ShardWriter(str(folder))
    model.draws = recording = Recording(torch_adapter, store.add)
    with calls.wrapped(torch_adapter, model.tree, calls._computed):
        found = loss(model, seed)
    return found, recording, store


def give(model: Model, recording: Recording, store: ShardWriter) -> Giving:
    """Let a model be given what was recorded."""
    model.draws = giving = Giving(torch_adapter, recording.by_site(), store.read, {"net"})
    return giving


def ranks(things: Any) -> torch.Tensor:
    """Return something that depends on the order of some numbers."""
    numbers = torch.as_tensor(things, dtype=torch.float64)
    return numbers * torch.arange(len(numbers))


def python_shuffle(_x: torch.Tensor) -> torch.Tensor:
    """Shuffle a list."""
    things = list(range(9))
    random.shuffle(things)
    return ranks(things)


def numpy_shuffle(_x: torch.Tensor) -> torch.Tensor:
    """Shuffle an array."""
    things = np.arange(9)
    np.random.shuffle(things)
    return ranks(things)


FUNCTIONS: dict[str, Code] = {
    "rand": lambda x: torch.rand(3, 4) * x,
    "imported by name": lambda x: rand(3, 4) * x,
    "rand_like": lambda x: torch.rand_like(x) * x,
    "randn": lambda x: torch.randn((3, 4), generator=torch.Generator().manual_seed(random.randrange(9**9))) * x,
    "randn_like": lambda x: torch.randn_like(x),
    "randint": lambda _x: torch.randint(50, (3, 4)),
    "randint from": lambda _x: torch.randint(low=5, high=50, size=(3, 4)),
    "randint_like": lambda x: torch.randint_like(x, 90),
    "randperm": lambda _x: ranks(torch.randperm(9)),
    "bernoulli": lambda x: torch.bernoulli(x.abs().sqrt()) * x,
    "Tensor.bernoulli": lambda x: x.abs().bernoulli() * x,
    "multinomial": lambda x: x.abs().multinomial(2),
    "normal": lambda x: torch.normal(x, x.abs()),
    "normal of numbers": lambda _x: torch.normal(1.0, 0.1, (3, 4)),
    "uniform_": lambda x: torch.empty_like(x).uniform_(-1, 1),
    "normal_": lambda x: torch.empty_like(x).normal_(std=0.1),
    "bernoulli_": lambda x: torch.empty_like(x).bernoulli_(0.3) * x,
    "random_": lambda x: torch.empty_like(x).random_(7),
    "exponential_": lambda x: torch.empty_like(x).exponential_(),
    "gumbel": lambda x: F.gumbel_softmax(x) * x,
    "distribution": lambda x: torch.distributions.Normal(x, x.abs() + 1).sample(),
    "dropout": lambda x: F.dropout(x, 0.5),
    "dropout in place": lambda x: F.dropout(x.clone(), 0.4, inplace=True),
    "nn.Dropout": lambda x: nn.Dropout(0.3)(x),
    "dropout of channels": lambda x: nn.Dropout2d(0.5)(x.reshape(3, 4, 1, 1)),
    "torch.dropout": lambda x: torch.dropout(x, 0.5, True),
    "numpy.rand": lambda _x: np.random.rand(3, 4),
    "numpy.randn": lambda _x: np.random.randn(3, 4),
    "numpy.uniform": lambda _x: np.random.uniform(2, 3, size=5),
    "numpy.normal": lambda _x: np.random.normal(loc=1, scale=2, size=5),
    "numpy.randint": lambda _x: np.random.randint(0, 99, size=5),
    "numpy.permutation": lambda _x: ranks(np.random.permutation(9)),
    "numpy.permutation of": lambda _x: ranks(np.random.permutation([1.0, 4.0, 7.0, 8.0, 9.5])),
    "numpy.shuffle": numpy_shuffle,
    "random": lambda _x: random.random(),
    "random.uniform": lambda _x: random.uniform(2, 3),
    "random.gauss": lambda _x: random.gauss(0, 1),
    "random.randint": lambda _x: random.randint(1, 10**6),
    "random.shuffle": python_shuffle,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_one_run_draws_is_given_in_another(name: str, tmp_path: Path) -> None:
    """Whatever random state it starts from; and a run that is looked at draws what one that is not does."""
    code = FUNCTIONS[name]
    model = model_of(code)
    found, recording, store = record(model, tmp_path)
    with torch.random.fork_rng():
        torch_adapter.seed(0)
        assert float(torch.as_tensor(code(model.batch["x"]), dtype=torch.float64).sum()) == found
    assert {entry["site"] for entry in recording.found} == {"net"}
    assert loss(model_of(code), seed=5) != found
    port = model_of(code)
    giving = give(port, recording, store)
    assert loss(port, seed=5) == found
    assert giving.reading() == {"given": {"net": len(recording.found)}, "kept": []}


def test_every_function_is_left_as_it_came() -> None:
    """Also where the step fails."""
    before = [(owner, name, vars(owner).get(name), getattr(owner, name)) for owner, name, _ in torch_adapter.drawings()]

    def fail(_x: torch.Tensor) -> None:
        raise RuntimeError("inside")

    loss(model_of(lambda x: torch.rand_like(x)))
    with pytest.raises(RuntimeError, match="inside"):
        loss(model_of(fail))
    assert rand is torch.rand
    after = [(owner, name, vars(owner).get(name), getattr(owner, name)) for owner, name, _ in torch_adapter.drawings()]
    assert before == after


def test_a_draw_is_known_by_its_call_its_law_and_its_number(tmp_path: Path) -> None:
    """The order of different laws may be another one; step's own draws are its own."""
    found, recording, store = record(
        model_of(lambda _x: torch.rand(3) + 2 * torch.randn(3) + 4 * torch.rand(3), lambda _x: torch.rand(3)), tmp_path
    )
    assert [(entry["site"], entry["law"]) for entry in recording.found] == [
        ("net", "uniform"), ("net", "normal"), ("net", "uniform"), ("step", "uniform"),
    ]  # fmt: skip

    def in_another_order(_x: torch.Tensor) -> torch.Tensor:
        normal = torch.as_tensor(np.random.randn(3), dtype=torch.float32)
        return torch.empty(3).uniform_() + 2 * normal + 4 * torch.rand(3)

    port = model_of(in_another_order, lambda _x: torch.rand(3))
    giving = give(port, recording, store)
    assert loss(port, seed=5) == pytest.approx(found, rel=1e-6)
    assert giving.reading() == {"given": {"net": 3, "step": 1}, "kept": []}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (lambda _x: torch.randn(3), ("normal(0, 1) of shape [3]", "uniform(0, 1) of shape [3]")),
        (lambda _x: torch.rand(3, 1), ("uniform(0, 1) of shape [3, 1]", "uniform(0, 1) of shape [3]")),
        (lambda _x: torch.empty(3).uniform_(0, 2), ("uniform(0, 2) of shape [3]", "uniform(0, 1) of shape [3]")),
    ],
)
def test_what_is_drawn_otherwise_is_kept_and_said(own: Code, said: tuple[str, str], tmp_path: Path) -> None:
    """Another law, shape or parameter."""
    _, recording, store = record(model_of(lambda _x: torch.rand(3)), tmp_path)
    port = model_of(own)
    alone = loss(port, seed=5)
    giving = give(port, recording, store)
    assert loss(port, seed=5) == alone
    assert giving.reading()["kept"] == [
        {"site": "net", "law": said[0].partition("(")[0], "own": said[0], "recorded": said[1]}
    ]


def test_what_is_kept_is_said_beside_what_nobody_was_given(tmp_path: Path) -> None:
    """The reference's draw of the same law may be given to another one than a reader would; each is said once."""
    _, recording, store = record(model_of(lambda _x: torch.rand(3) + torch.randn(3)), tmp_path)
    port = model_of(lambda _x: torch.randn(3) + torch.randn(3) + torch.randn(3))
    giving = give(port, recording, store)
    loss(port)
    assert [row["recorded"] for row in giving.reading()["kept"]] == ["uniform(0, 1) of shape [3]", None]


def test_what_the_other_side_never_draws_is_kept_and_said(tmp_path: Path) -> None:
    """There is nothing to give."""
    _, recording, store = record(model_of(lambda x: x), tmp_path)
    port = model_of(lambda _x: torch.rand(3))
    giving = give(port, recording, store)
    loss(port)
    assert giving.reading()["kept"] == [
        {"site": "net", "law": "uniform", "own": "uniform(0, 1) of shape [3]", "recorded": None}
    ]


def test_parameters_that_are_computed_must_be_the_same(tmp_path: Path) -> None:
    """What is drawn around other means would hide that they are wrong."""
    _, recording, store = record(model_of(lambda x: torch.normal(x, 0.1)), tmp_path)
    right, wrong = model_of(lambda x: torch.normal(x * (1 + 1e-6), 0.1)), model_of(lambda x: torch.normal(1.1 * x, 0.1))
    for port, kept in ((right, 0), (wrong, 1)):
        giving = give(port, recording, store)
        loss(port)
        assert len(giving.reading()["kept"]) == kept


def test_a_call_that_is_computed_once_more_draws_the_same(tmp_path: Path) -> None:
    """As its numbers begin anew; what who looks at a call draws is no draw of the step."""
    model = model_of(lambda x: torch.rand_like(x) * x)
    found, recording, store = record(model, tmp_path)
    giving = give(model, recording, store)
    twice = []

    def around(_call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        torch.rand(2)
        twice.extend([compute(*args, **kwargs), compute(*args, **kwargs)])
        return twice[0]

    with calls.wrapped(torch_adapter, model.tree, around):
        assert loss(model, seed=5) == found
    assert twice[0] == twice[1]
    assert giving.reading() == {"given": {"net": 1}, "kept": []}


@pytest.mark.parametrize(
    "own", [torch.zeros(1, dtype=torch.uint8), torch.zeros(1, dtype=torch.float16), np.zeros(1, np.int8)]
)
def test_a_value_that_does_not_survive_is_refused(own: Any) -> None:
    """As a patch that is not consumed would be; of floating numbers only the last digits may be lost."""
    assert as_own(torch_adapter, np.array([0.1]), np.zeros(1, np.float32)) == np.float32(0.1)
    with pytest.raises(ValueError, match="does not survive the conversion to"):
        as_own(torch_adapter, np.array([2049]), own)


def test_a_draw_in_a_call_that_the_other_side_does_not_make_is_one_of_the_call_around(tmp_path: Path) -> None:
    """A port may draw in a module of its own."""

    class Noise(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.rand_like(x)

    found, recording, store = record(model_of(lambda x: torch.rand_like(x)), tmp_path)
    port = model_of(Noise())
    giving = give(port, recording, store)
    assert loss(port, seed=5) == found
    assert giving.reading() == {"given": {"net": 1}, "kept": []}
