"""Every fault of the gold_yolo port is named exactly, and the faithful port is never accused: real torch, real Jittor."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RECIPES, capture_recipe, check_line, imports_from, report_of, sampled

pytestmark = pytest.mark.jittor

with imports_from(RECIPES / "gold_yolo", RECIPES / "detection"):
    from assigner_faults import IN_ATSS
    from faults import FAULTS

SIZE = "size=192"  # pixels: a third of the usual work
# What the reference and the port must be built with for a fault to show.
SHOWN_WITH = {
    "pooling_of_jittor": ("size=244",),
    "pool_size": ("size=320",),  # on a small map the later ones of the three pools pool what is one value
    "candidates_of_all_levels": ("warmup_epochs=1",),
    "threshold_without_deviation": ("warmup_epochs=1",),
    "kept_by_several": ("size=320",),  # its boxes overlap there
    "not_floored": ("images=1", "boxes=1"),
}
# What the values of the culprit are said to be.
WORDS = {
    "pool_size": "is 3x3 max pooling with stride 1 and padding 1, the reference 5x5 max pooling with stride 1 and padding 2",
    "activation_silu": "is silu of its input, the reference relu",
    "gate_sigmoid": "is sigmoid of its input, the reference hardsigmoid",
    "residual_forgotten": "lacks the residual: with its input added it is the reference's",
    "concat_swapped": "has the inputs' blocks along axis 1 in the order 3, 2, 1, 0: concatenated in another order",
    "pair_swapped": "has the inputs' blocks along axis 1 in the order 1, 0: concatenated in another order",
    "bn_momentum": "updated with momentum 0.1, the reference with 0.03",
    "bn_defaults": "is normalised with eps 1e-05, the reference with 0.001",
    "eval_mode": "is normalised with running statistics still at 0 and 1, the reference with the batch's own",
    "corners_aligned": "which come from input 3; there it is bilinear with align_corners=True, the reference bilinear with",
    "pooling_of_jittor": "the reference torch's: 61 to 16 does not divide: Jittor's adaptive pooling takes them",
}
PREFLIGHT = {
    "projection_trained": "trains in the port, is frozen in the reference: detect.proj",
    "extra_branch": "78,227 more than the reference's 5,617,930: + 78,227 of detect.dist_preds (24 tensors",
}


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return the captures folder for some options, recorded once."""
    folders: dict[tuple[str, ...], Path] = {}

    def folder(*more: str) -> Path:
        options = sized(*more)
        if options not in folders:
            folders[options] = capture_recipe("gold_yolo", tmp_path_factory.mktemp("gold_yolo"), *options)
        return folders[options]

    return folder


def sized(*options: str) -> tuple[str, ...]:
    """Return the options, with the size that is usual here unless they have one."""
    return options if any(option.startswith("size=") for option in options) else (SIZE, *options)


def run(captured: Callable[..., Path], fault: str, *options: str) -> tuple[int, dict]:
    """Return exit code and report of the port with a fault, both sides built with the options."""
    return report_of("gold_yolo", captured(*options), f"fault={fault}", *sized(*options))


def named(report: dict) -> list[str]:
    """Return the sites of all culprits that are proved."""
    return sorted(site for culprit in report["culprits"] if culprit["confirmed"] for site in culprit["sites"])


@pytest.mark.parametrize(
    "fault", sampled((name for name, fault in FAULTS.items() if fault.kind in ("code", "values")), 2)
)
def test_each_fault_of_a_layer_is_named_exactly(fault: str, captured: Callable[..., Path]) -> None:
    """The culprits are exactly the sites at fault, all of them proved, by no more probes than promised."""
    code, report = run(captured, fault, *SHOWN_WITH.get(fault, ()))
    assert (code, report["verdict"]) == (1, "diverges")
    assert named(report) == sorted(FAULTS[fault].sites)
    assert all(culprit["confirmed"] and culprit["kind"] == FAULTS[fault].kind for culprit in report["culprits"])
    assert report["probes"]["bound_took"] <= report["probes"]["bound"]
    assert report["probes"]["kernels_after"] == 0
    said = [finding["message"] for culprit in report["culprits"] for finding in culprit["findings"]]
    assert any(WORDS[fault] in words for words in said) if fault in WORDS else not any("there it " in w for w in said)


@pytest.mark.parametrize("fault", ["none", "corners_aligned", "divided_by_count"])
def test_without_a_target_everything_wrong_by_itself_is_named(fault: str, captured: Callable[..., Path]) -> None:
    """The passes alone name the same culprits, and the loss where perfect layers do not make it right."""
    code, report = report_of("gold_yolo", captured(), f"fault={fault}", SIZE, target=None)
    assert (code, report["verdict"]) == ((0, "agrees") if fault == "none" else (1, "diverges"))
    assert named(report) == ([FAULTS[fault].line] if fault == "divided_by_count" else sorted(FAULTS[fault].sites))


ONE_A_LINE = {fault.line: name for name, fault in reversed(FAULTS.items()) if fault.kind == "loss"}


@pytest.mark.parametrize("fault", sampled(ONE_A_LINE.values(), 6))
def test_each_fault_of_the_loss_is_named_at_its_line(fault: str, captured: Callable[..., Path]) -> None:
    """The culprit is what the wrong line computes; every module call, parameter and buffer is ruled out."""
    options = SHOWN_WITH.get(fault, ("warmup_epochs=1",) if fault in IN_ATSS else ())
    found = report_of("gold_yolo", captured(*options), f"fault={fault}", *sized(*options), target=FAULTS[fault].target)
    check_line(*found, FAULTS[fault].line)


def test_a_swallowed_exception_is_reported(captured: Callable[..., Path]) -> None:
    """It is said what was raised, where, and where it was caught."""
    _, report = run(captured, "exception_swallowed")
    (words,) = [f["message"] for f in report["culprits"][0]["findings"] if f["check"] == "swallowed exception"]
    assert re.fullmatch(
        r"jittor_\w+\.py:\d+ raised \w+: .*; caught at port_loss\.py:\d+, and the run went on", words, re.DOTALL
    )


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.kind == "unfelt"])
def test_what_the_forward_pass_does_not_feel_agrees(fault: str, captured: Callable[..., Path]) -> None:
    """Nobody is accused; what differs before any run is said."""
    code, report = run(captured, fault)
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", [])
    messages = [finding["message"] for finding in report["preflight"]]
    assert any(PREFLIGHT[fault] in message for message in messages) if fault in PREFLIGHT else messages == []


def test_the_extra_branch_adds_up(captured: Callable[..., Path]) -> None:
    """Its numbers are told apart: parameters, and buffers that Jittor counts with them."""
    _, report = run(captured, "extra_branch")
    (buffers,) = [f["message"] for f in report["preflight"] if f["check"] == "buffers"]
    assert "896 more (running statistics) than the reference's 17,888: + 896 of detect.dist_preds" in buffers
    assert "counted with them the port has 79,123 more" in buffers


@pytest.mark.parametrize(
    "options",
    [
        ("batch_seed=0",),
        ("size=244", "batch_seed=1"),
        ("warmup_epochs=1", "batch_seed=2"),
        ("zero_heads=true", "size=244"),
    ],
    ids=" ".join,
)
def test_the_faithful_port_agrees(options: tuple[str, ...], captured: Callable[..., Path]) -> None:
    """Without a fault the port agrees, in both questions, and nothing at all is listed against it."""
    code, report = run(captured, "none", *options)
    assert (code, report["verdict"], report["culprits"], report["preflight"]) == (0, "agrees", [], [])
    start = report["questions"]["start"]
    if "zero_heads=true" in options:  # no seed moves the target, and so there is no range
        assert start["low"] is None
    else:
        assert start["low"] <= start["value"]
    rows = "1281 = 31² + 16² + 8²" if "size=244" in options else "756 = 24² + 12² + 6²"
    assert [sentence for sentence in report["sizes"] if sentence.startswith(rows)]


def test_heads_that_are_drawn_for_zero_are_named(captured: Callable[..., Path]) -> None:
    """Heads that are drawn where the reference starts them at zero are named too."""
    _, report = run(captured, "heads_zeroed_otherwise", "zero_heads=true")
    assert named(report) == sorted(FAULTS["heads_zeroed_otherwise"].sites)
