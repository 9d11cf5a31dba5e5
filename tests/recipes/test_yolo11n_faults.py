"""Every fault of the yolo11n port is named exactly, and the faithful port is never accused: real torch, real Jittor."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import RECIPES, capture_recipe, check_line, imports_from, report_of, sampled

pytestmark = pytest.mark.jittor

with imports_from(RECIPES / "yolo11n", RECIPES / "detection"):
    from layout import ACTIVATIONS, BATCH_NORMS, CLASS_BIASES, CLASS_WEIGHTS
    from loss_faults import IN_THE_ASSIGNER, IN_THE_BOXES, IN_THE_LOSS

LOSS_FAULTS = {**IN_THE_LOSS, **IN_THE_ASSIGNER, **IN_THE_BOXES}

CODE = {
    "bn_eps": BATCH_NORMS,
    "activation_relu": ("model.10.m.0.ffn.0.act",),
    "activation_relu_everywhere": ACTIVATIONS,
    "concat_swapped": ("model.12",),
    "residual_forgotten": ("model.6.m.0.m.1",),
    "pool_size": ("model.9.m", "model.9.m#2", "model.9.m#3"),
    "attention_unscaled": ("model.10.m.0.attn",),
    "eval_mode": BATCH_NORMS,
}
VALUES = {
    "class_bias_lost": CLASS_BIASES,
    "class_bias_one_level": CLASS_BIASES[1:],
    "class_bias_like_box": CLASS_BIASES,
    "head_weights_zeroed": CLASS_WEIGHTS,
}
# What the values of the culprit are said to be.
WORDS = {
    "bn_eps": "is normalised with eps 1e-05, the reference with 0.001",
    "activation_relu": "is relu of its input, the reference silu",
    "activation_relu_everywhere": "is relu of its input, the reference silu",
    "concat_swapped": "has the inputs' blocks along axis 1 in the order 1, 0: concatenated in another order",
    "residual_forgotten": "lacks the residual: with its input added it is the reference's",
    "pool_size": "is 3x3 max pooling with stride 1 and padding 1, the reference 5x5 max pooling with stride 1 and padding 2",
    "eval_mode": "is normalised with running statistics still at 0 and 1, the reference with the batch's own",
}
SIZE = "size=192"  # pixels: a third of the usual work
PREFLIGHT = {"bn_eps": ("setting", "eps 1e-05, reference 0.001"), "eval_mode": ("mode", "mode eval, reference train")}


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the recipe."""
    return capture_recipe("yolo11n", tmp_path_factory.mktemp("yolo11n"), SIZE)


def run(captures: Path, *options: str) -> tuple[int, dict]:
    """Return exit code and report of the port with some options."""
    return report_of("yolo11n", captures, SIZE, *options)


@pytest.mark.parametrize("fault", [*CODE, *VALUES])
def test_each_fault_is_named_exactly(fault: str, request: pytest.FixtureRequest) -> None:
    """One culprit, proved by its two probes, with exactly the sites at fault, within the promised number of probes."""
    if fault == "pool_size":  # on a small map the last of the three pools pools what is one value
        code, report = report_of("yolo11n", request.getfixturevalue("yolo11n_captures"), f"fault={fault}")
    else:
        code, report = run(request.getfixturevalue("captured"), f"fault={fault}")
    assert (code, report["verdict"]) == (1, "diverges")
    (culprit,) = report["culprits"]
    assert set(culprit["sites"]) == set(CODE.get(fault) or VALUES[fault])
    assert culprit["kind"] == ("code" if fault in CODE else "values")
    assert culprit["confirmed"]
    assert culprit["findings"]
    assert report["probes"]["bound_took"] <= report["probes"]["bound"]
    assert report["probes"]["start_passes"] <= 4
    assert report["probes"]["kernels_after"] == 0
    assert any(WORDS[fault] in f["message"] for f in culprit["findings"]) if fault in WORDS else True
    if fault in PREFLIGHT:
        check, words = PREFLIGHT[fault]
        assert any(f["check"] == check and words in f["message"] for f in report["preflight"])


@pytest.mark.parametrize("fault", sampled(LOSS_FAULTS, 6))
def test_each_fault_of_the_loss_is_named_at_its_line(fault: str, yolo11n_captures: Path) -> None:
    """The culprit is what the wrong line computes; every module call, parameter and buffer is ruled out."""
    found = report_of("yolo11n", yolo11n_captures, f"fault={fault}", target=LOSS_FAULTS[fault].target)
    check_line(*found, LOSS_FAULTS[fault].line)


@pytest.mark.parametrize(
    ("fault", "file", "text"),
    [
        ("attention_unscaled", "port_blocks.py", "attn = nn.softmax(nn.matmul(q.permute(0, 1, 3, 2), k)"),
        ("residual_forgotten", "faults.py", "return self.cv2(self.cv1(x))"),
    ],
)
def test_the_line_inside_a_module_is_shown(fault: str, file: str, text: str, captured: Path) -> None:
    """A module whose own code is wrong stays the culprit, and its wrong line is named."""
    source = (RECIPES / "yolo11n" / file).read_text().splitlines()
    place = f"{file}:{next(n for n, line in enumerate(source, 1) if text in line)} "
    _, report = run(captured, f"fault={fault}")
    assert any(f["message"].startswith(place) for f in report["culprits"][0]["findings"] if f["check"] == "line")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_faithful_port_agrees(seed: int, captured: Path) -> None:
    """Without a fault the port agrees, whatever its own seed, and nothing at all is listed against it."""
    code, report = run(captured, f"seed={seed}")
    assert (code, report["verdict"], report["culprits"], report["preflight"]) == (0, "agrees", [], [])
    assert [size.partition(":")[0] for size in report["sizes"]] == ["756 = 24² + 12² + 6²"]


def test_a_repeated_run_asks_no_probe_again(captured: Path) -> None:
    """Every probe of a second run is taken from the first one's."""
    run(captured, "fault=concat_swapped")
    _, report = run(captured, "fault=concat_swapped")
    assert report["probes"]["cached"] == report["probes"]["count"]
