"""The YOLO11n recipe's reference against figures of the original implementation."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

TESTS = Path(__file__).resolve().parents[1]
RECIPE = TESTS.parent / "recipes" / "yolo11n"
GOLDEN = json.loads((TESTS / "golden" / "yolo11n.json").read_text())


@pytest.fixture(scope="module")
def load() -> Iterator:
    """Import files of the recipe and of the golden figures by name, and forget them again."""
    modules, path = set(sys.modules), list(sys.path)
    sys.path[:0] = [str(RECIPE), str(TESTS / "golden")]
    yield importlib.import_module
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith((str(RECIPE), str(TESTS / "golden"))):
            del sys.modules[name]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def rules(load) -> ModuleType:
    return load("rules")


@pytest.fixture(scope="module")
def built(load, rules) -> dict:
    """The reference with the golden weights; its gradients are those of all losses times the images."""
    built = load("reference").build()
    state = built["modules"]["model"].state_dict(prefix="model.")
    with torch.no_grad():
        for name, shape in GOLDEN["state"]:
            if name != "model.23.dfl.conv.weight":
                state[name].copy_(torch.from_numpy(rules.fill(name, tuple(shape), GOLDEN["head_bias"])))
    return built


@pytest.fixture(scope="module")
def run(built) -> dict:
    """What one training step gives: each layer's output, the losses, the gradients."""
    net = built["modules"]["model"]
    outputs: dict = {}

    def keep(name: str):
        def hook(module, args, output) -> None:
            parts = {f"{name}.{k}": v for k, v in output.items()} if isinstance(output, dict) else {name: output}
            outputs.update({k: v.detach().numpy() for k, v in parts.items() if isinstance(v, torch.Tensor)})

        return hook

    handles = [layer.register_forward_hook(keep(f"model.{i}")) for i, layer in enumerate(net)]
    losses = built["step"](built["batch"])
    for handle in handles:
        handle.remove()
    (sum(losses.values()) * len(built["batch"]["img"])).backward()
    gradients = {name: p.grad for name, p in net.named_parameters(prefix="model")}
    return {"outputs": outputs, "losses": losses, "gradients": gradients}


def settings(module) -> dict:
    """Return a module's settings in the golden file's form."""
    names = "in_channels out_channels kernel_size stride padding dilation groups eps momentum num_features inplace"
    found = {name: getattr(module, name) for name in names.split() if hasattr(module, name)}
    if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d)):
        found["bias"] = module.bias is not None
    for name in ("ceil_mode", "scale_factor", "mode", "align_corners"):
        if hasattr(module, name):
            found[name] = getattr(module, name)
    return json.loads(json.dumps(found))


def test_batch_is_drawn_like_the_golden_one(load, rules):
    """The recipe's batch holds the same bits as the one behind the golden figures, for other sizes too."""
    for arguments in ({}, {"images": 3, "size": 64, "boxes": 2, "seed": 5}):
        mine, golden = load("batch").detection_batch(**arguments), rules.detection_batch(**arguments)
        assert mine.keys() == golden.keys()
        for name, array in golden.items():
            np.testing.assert_array_equal(mine[name], array)
            assert mine[name].dtype == array.dtype


def test_state_has_the_golden_names_and_shapes(built):
    """Every state entry has its published name, shape and place."""
    state = built["modules"]["model"].state_dict(prefix="model.")
    assert [[k, list(v.shape)] for k, v in state.items() if not k.endswith("num_batches_tracked")] == GOLDEN["state"]


def test_parameter_count(built):
    """The model has 2,624,080 parameters in 256 tensors."""
    parameters = list(built["modules"]["model"].parameters())
    assert len(parameters) == 256
    assert sum(p.numel() for p in parameters) == GOLDEN["parameters"]


def test_leaf_modules_have_the_golden_settings(built):
    """Every leaf module has its published name, class and settings, in order."""
    named = built["modules"]["model"].named_modules(prefix="model")
    leaves = [[name, type(m).__name__, settings(m)] for name, m in named if not list(m.children())]
    assert leaves == GOLDEN["leaf_modules"]


@pytest.mark.parametrize("layer", GOLDEN["layers"])
def test_layer_statistics(run, rules, layer):
    """Each layer's output has the golden shape and statistics to float32 rounding."""
    mine, golden = rules.summary(run["outputs"][layer]), GOLDEN["layers"][layer]
    assert mine["shape"] == golden["shape"]
    assert mine["std"] == pytest.approx(golden["std"], rel=1e-4)
    assert mine["absmax"] == pytest.approx(golden["absmax"], rel=1e-4)
    # A mean or an element may be near zero by chance: what counts is its error beside the spread.
    assert mine["mean"] == pytest.approx(golden["mean"], rel=1e-4, abs=1e-4 * golden["std"])
    assert mine["head"] == pytest.approx(golden["head"], rel=1e-4, abs=1e-4 * golden["std"])


@pytest.mark.parametrize("name", GOLDEN["losses"])
def test_losses(run, name):
    """Each loss equals the golden one to float32 rounding."""
    assert run["losses"][name].item() == pytest.approx(GOLDEN["losses"][name], rel=1e-4)


@pytest.mark.parametrize("name", GOLDEN["grad_norms"])
def test_gradient_norms(run, name):
    """Gradients reach the parameters with their golden norms."""
    assert run["gradients"][name].norm().item() == pytest.approx(GOLDEN["grad_norms"][name], rel=1e-3, abs=1e-7)


def test_parameters_without_gradient(run):
    """Only the fixed projection gets no gradient."""
    assert [k for k, v in run["gradients"].items() if v is None] == GOLDEN["parameters_without_gradient"]


def test_initial_class_loss(load):
    """With its own weights the class loss starts near 6: classes are taken to be rare."""
    built = load("reference").build()
    with torch.no_grad():
        assert built["step"](built["batch"])["cls_loss"].item() == pytest.approx(6.2, abs=0.4)


def test_images_without_boxes_have_no_box_losses(load):
    """Without a labelled box the box losses are 0 and still reach the parameters."""
    built = load("reference").build(size=64)
    empty = {"batch_idx": torch.zeros(0), "cls": torch.zeros(0, 1), "bboxes": torch.zeros(0, 4)}
    losses = built["step"](built["batch"] | empty)
    assert losses["box_loss"].item() == losses["dfl_loss"].item() == 0
    assert losses["cls_loss"].item() > 0
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in built["modules"]["model"].parameters() if p.grad is not None)
