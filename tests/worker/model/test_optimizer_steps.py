"""An optimizer's steps from given gradients, in this process with torch and in a worker's with Jittor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import RECIPES, ROOT, TINY, imports_from

from bisect_tool.axes.optimizer.cells import Group
from bisect_tool.axes.optimizer.findings import step_findings
from bisect_tool.axes.optimizer.stepped import Stepped
from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import slopes
from bisect_tool.worker.failures import RecipeError
from bisect_tool.worker.model import build, optimizer

SETTINGS = {"lr": 0.01, "momentum": 0.9, "nesterov": True}
DECAY = {"weight_decay": 5e-4}
Arrays = dict[str, np.ndarray]


def tiny(make: Any) -> build.Model:
    """Build the tiny model with an optimizer that ``make`` makes of its net."""

    def recipe() -> dict:
        built = torch_adapter.load_entry(str(TINY), "tiny_torch.py:build")()
        return {**built, "optimizer": make(built["modules"]["net"])}

    return build.build(torch_adapter, recipe, {})


def sgd(net: torch.nn.Module) -> torch.optim.Optimizer:
    """Return gradient descent with two groups; the head's biases are in none."""
    named = [(name, p) for name, p in net.named_parameters() if not (name.startswith("head") and name.endswith("bias"))]
    biases = [p for name, p in named if name.endswith("bias")]
    weights = [p for name, p in named if not name.endswith("bias")]
    return torch.optim.SGD([{"params": biases}, {"params": weights, **DECAY}], **SETTINGS)


def gradients_of(model: build.Model) -> Arrays:
    """Return a gradient for every parameter but one."""
    draw = np.random.default_rng(0)
    trained = [name for name, (_, kind, _) in model.state.items() if kind == "parameter" and name != "net.stem.bias"]
    return {name: draw.normal(0, 0.1, model.own[name].shape).astype(np.float32) for name in trained}


def values(model: build.Model) -> Arrays:
    return {name: torch_adapter.to_numpy(tensor) for name, (tensor, _, _) in model.state.items()}


def test_groups_are_described_by_names_and_numbers() -> None:
    """Each group tells its class, its numbers and booleans, and the names of its parameters."""
    biases, weights = optimizer.describe(tiny(sgd))
    assert (biases["class"], weights["settings"]["weight_decay"]) == ("SGD", 5e-4)
    assert {name: biases["settings"][name] for name in SETTINGS} == SETTINGS
    assert "net.first.bn.bias" in biases["parameters"]
    assert "net.first.bn.weight" in weights["parameters"]
    assert "net.head.score.bias" not in biases["parameters"] + weights["parameters"]
    json.dumps([biases, weights])


def test_a_pair_of_numbers_is_described_one_by_one() -> None:
    """Adam's betas are two numbers."""
    (group,) = optimizer.describe(tiny(lambda net: torch.optim.Adam(net.parameters(), betas=(0.8, 0.99))))
    assert (group["settings"]["betas.0"], group["settings"]["betas.1"]) == (0.8, 0.99)


def test_a_tensor_without_a_name_is_left_out() -> None:
    """What the optimizer holds beside the model's own has no name to compare by, and is stepped all the same."""
    own = torch.nn.Parameter(torch.ones(3))
    model = tiny(lambda net: torch.optim.SGD([own, net.stem.weight], lr=0.1))
    assert optimizer.describe(model)[0]["parameters"] == ["net.stem.weight"]
    assert list(optimizer.steps(model, {"net.stem.weight": np.ones((8, 3, 3, 3), np.float32)})) == ["net.stem.weight"]
    assert own.tolist() == [1, 1, 1]


def test_steps_are_torchs_own() -> None:
    """Two steps give the values that two steps of the same optimizer give by hand."""
    model, other = tiny(sgd), tiny(sgd)
    gradients = gradients_of(model)
    found = optimizer.steps(model, gradients)
    for step in range(2):
        for name, array in gradients.items():
            other.state[name][0].grad = torch.from_numpy(slopes.of_steps(array)[step].copy())
        other.optimizer.step()
        assert all(np.array_equal(arrays[step], values(other)[name]) for name, arrays in found.items())
    assert set(found) == {name for group in optimizer.describe(model) for name in group["parameters"]}
    assert all(np.array_equal(array, model.own["net.stem.bias"]) for array in found["net.stem.bias"])


@pytest.mark.parametrize("make", [sgd, lambda net: torch.optim.AdamW(net.parameters())])
def test_steps_leave_nothing_behind(make: Any) -> None:
    """Tensors, their gradients, the groups and the optimizer's state are as before, and steps give the same again."""
    model = tiny(make)
    for tensor, _, trainable in model.state.values():
        tensor.grad = torch.full_like(tensor, 0.5) if trainable else None
    model.optimizer.step()
    before, state, groups = values(model), repr(model.optimizer.state), repr(model.optimizer.param_groups)
    first = optimizer.steps(model, gradients_of(model))
    second = optimizer.steps(model, gradients_of(model))
    assert all(np.array_equal(a, b) for name in first for a, b in zip(first[name], second[name], strict=True))
    after = values(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert (repr(model.optimizer.state), repr(model.optimizer.param_groups)) == (state, groups)
    assert all(t.grad is None or torch.all(t.grad == 0.5) for t, _, _ in model.state.values())


def test_steps_that_fail_leave_nothing_behind() -> None:
    """An optimizer that raises leaves the model as it was."""

    class Failing(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            super().step(closure)
            raise ArithmeticError

    model = tiny(lambda net: Failing(net.parameters(), lr=0.1))
    with pytest.raises(ArithmeticError):
        optimizer.steps(model, gradients_of(model))
    assert all(np.array_equal(model.own[name], array) for name, array in values(model).items())
    assert not model.optimizer.state


def test_a_recipe_needs_no_optimizer() -> None:
    """Without one there are no groups and no steps."""
    model = tiny(lambda _net: None)
    assert (optimizer.describe(model), optimizer.steps(model, {})) == ([], {})


def test_something_else_for_an_optimizer_is_a_mistake_of_the_recipe() -> None:
    """The message says what was returned."""
    with pytest.raises(RecipeError, match="'optimizer' is str 'SGD', expected an optimizer of this framework"):
        tiny(lambda _net: "SGD")


STEPS = """
import json, sys
import numpy as np
folder, recipe, fault, start, out = sys.argv[1:]
sys.path[:0] = [recipe, recipe + "/../detection"]
from bisect_tool.worker.model import build, optimizer
from bisect_tool.worker.adapters import jittor_adapter as adapter
adapter.prepare()
model = build.build(adapter, adapter.load_entry(recipe, "faults.py:build"), {"size": 64, "fault": fault})
given = np.load(start)
for name in model.state:
    adapter.write(model.state[name][0], given["start " + name])
gradients = {n: given["gradient " + n] for n in model.state if "gradient " + n in given}
held = [group["values"] for group in model.optimizer.param_groups]
before = [v.numpy() for values in held for v in values]
first, second = optimizer.steps(model, gradients), optimizer.steps(model, gradients)
assert all(np.array_equal(a, b) for n in first for a, b in zip(first[n], second[n]))
assert all(np.array_equal(adapter.to_numpy(model.state[n][0]), given["start " + n]) for n in model.state)
assert [group["values"] for group in model.optimizer.param_groups] == held
assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, [v for values in held for v in values]))
assert model.optimizer.n_step == 0 and all("grads" not in group for group in model.optimizer.param_groups)
kernels = adapter.kernels()
optimizer.steps(model, gradients)
assert adapter.kernels() == kernels
model.restore()
np.savez(out, **{"%d %s" % (i, n): array for n, arrays in first.items() for i, array in enumerate(arrays)})
print("done " + json.dumps(optimizer.describe(model)))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Arrays, list[dict], dict[str, list[np.ndarray]]]:
    """The start and gradients of YOLO11n on disk and in memory, the reference's groups, and its values after the steps."""
    recipe = RECIPES / "yolo11n"
    with imports_from(recipe, RECIPES / "detection"):
        model = build.build(torch_adapter, torch_adapter.load_entry(str(recipe), "reference.py:build"), {"size": 64})
    draw = np.random.default_rng(0)
    given = {f"start {name}": array for name, array in model.own.items()}
    for name, (_, _, trainable) in model.state.items():
        if trainable:
            given[f"gradient {name}"] = draw.normal(0, 0.05, model.own[name].shape).astype(np.float32)
    path = tmp_path_factory.mktemp("steps") / "given.npz"
    np.savez(path, **given)
    gradients = {n: given[f"gradient {n}"] for n in model.state if f"gradient {n}" in given}
    return path, given, optimizer.describe(model), optimizer.steps(model, gradients)


def groups_of(described: list[dict]) -> list[Group]:
    return [Group(group["class"], group["settings"], tuple(group["parameters"])) for group in described]


@pytest.mark.jittor
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("none", []),
        ("lr_tenfold", ["learning rate 0.1, reference 0.01 (10 times): all 255 parameters"]),
        (
            "decay_on_everything",
            ["weight decay 0.0005, reference 0: all 81 one-dimensional weights, all 87 biases"],
        ),
    ],
)
def test_jittors_steps_are_torchs(fault: str, said: list[str], started: Any, tmp_path: Path) -> None:
    """The faithful port's steps are the reference's to their rounding, by no new kernel; a mistake is named."""
    path, given, described, reference = started
    command = [
        sys.executable,
        "-c",
        STEPS,
        str(ROOT),
        str(RECIPES / "yolo11n"),
        fault,
        str(path),
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("done ")]
    port = np.load(tmp_path / "out.npz")
    pairs = [
        Stepped(
            name,
            given[f"start {name}"],
            given.get(f"gradient {name}"),
            arrays,
            [port[f"{step} {name}"].reshape(arrays[step].shape) for step in range(2)],
        )
        for name, arrays in reference.items()
    ]
    findings = step_findings(groups_of(described), groups_of(json.loads(line[5:])), pairs)
    assert [finding.message.partition(";")[0] for finding in findings] == said
