"""Faults of the yolo11n port in C++ are named, its lines among them, and the faithful port is never accused: real libtorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import RECIPES, capture_recipe, imports_from, report_of

with imports_from(RECIPES / "yolo11n", RECIPES / "detection"):
    from cpp_faults import FAULTS

SIZE = "size=128"  # pixels: a sixth of the usual work
VALUES = ("class_bias_lost", "class_bias_one_level")
CODE = ("bn_eps", "concat_swapped", "activation_relu", "attention_residual_forgotten")
BACKWARD = ("attention_stopped", "class_branch_detached")
# Where the line is shown; or one that reads what it makes, which is then listed.
LINES = (
    "attention_unscaled",
    "logits_viewed",
    "targets_multiplied",
    "pi_not_squared",
    "lower_bin_only",
    "mean_for_sum",
)
LISTED = ("sigmoid_twice", "boxes_in_strides", "cells_corners")
MOST = 10  # lines


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the recipe, with gradients."""
    return capture_recipe("yolo11n", tmp_path_factory.mktemp("cpp"), SIZE, words=["--grads"])


def run(captured: Path, fault: str, target: str | None = None) -> tuple[int, dict[str, Any]]:
    """Return exit code and report of the port in C++ with a fault."""
    return report_of("yolo11n", captured, SIZE, f"fault={fault}", target=target, model="cpp")


def culprit_of(captured: Path, fault: str) -> dict[str, Any]:
    """Return the one culprit, which is proved."""
    code, report = run(captured, fault)
    assert (code, report["verdict"], len(report["culprits"])) == (1, "diverges", 1)
    (culprit,) = report["culprits"]
    assert culprit["confirmed"]
    return culprit


def wrong_line(fault: str) -> str:
    """Return where the wrong line is: ``cpp/loss.h:40``."""
    table = FAULTS[fault]
    text = table.text or f'fault("{fault}")'
    lines = (RECIPES / "yolo11n" / "cpp" / table.file).read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, line in enumerate(lines, 1) if text in line)
    return f"cpp/{table.file}:{number}"


@pytest.mark.parametrize("fault", [*VALUES, *CODE])
def test_each_fault_is_named_exactly(fault: str, captured: Path) -> None:
    """Exactly the calls or parameters at fault."""
    culprit = culprit_of(captured, fault)
    assert set(culprit["sites"]) == set(FAULTS[fault].sites)
    assert culprit["kind"] == FAULTS[fault].kind


@pytest.mark.parametrize("fault", LINES)
def test_the_line_is_named(fault: str, captured: Path) -> None:
    """The statement itself, proved like every other culprit."""
    line = culprit_of(captured, fault)["line"]
    assert f"{line['port']['file']}:{line['port']['line']}" in (wrong_line(fault), shown_at(fault))
    assert len(line["unclear"]) <= MOST


@pytest.mark.parametrize("fault", LISTED)
def test_a_line_that_cannot_be_seen_is_listed_beside_who_reads_it(fault: str, captured: Path) -> None:
    """What is handed over without a name of its own, or kept in a container, is no variable; the report does not hide it."""
    line = culprit_of(captured, fault)["line"]
    assert wrong_line(fault) in line["unclear"]
    assert len(line["unclear"]) <= MOST


def shown_at(fault: str) -> str:
    """Return the line that uses what another one sets: ``attention_unscaled`` sets the scale in a constructor."""
    return {"attention_unscaled": "cpp/attention.h:24"}.get(fault, "")


@pytest.mark.parametrize("fault", BACKWARD)
def test_each_fault_of_the_backward_pass_is_named(fault: str, captured: Path) -> None:
    """The call whose gradients are stopped."""
    culprit = culprit_of(captured, fault)
    assert culprit["kind"] == "gradient"
    assert culprit["sites"] == [FAULTS[fault].line.partition(":")[0]]


def test_an_optimizer_that_steps_otherwise_is_named(captured: Path) -> None:
    """By its settings, and by what two of its steps make."""
    culprit = culprit_of(captured, "nesterov_lost")
    assert culprit["kind"] == "step"
    assert "nesterov" in culprit["findings"][0]["message"].lower()


def test_a_parameter_that_was_left_behind_is_said_to_be(captured: Path) -> None:
    """``conv->bias = tensor`` assigns to the member: nothing reads the registered parameter, and so how that starts is no fault."""
    culprit = culprit_of(captured, "class_bias_assigned")
    assert culprit["kind"] == "code"
    assert any("nothing reads" in finding["message"] for finding in culprit["findings"])
    _, report = run(captured, "class_bias_assigned")
    assert "another tensor than its registered bias" in report["sentence"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_faithful_port_agrees(seed: int, captured: Path) -> None:
    """Its values, its gradients, its optimizer's step and its start, whatever its own seed."""
    code, report = report_of("yolo11n", captured, SIZE, f"seed={seed}", target=None, model="cpp")
    assert (code, report["verdict"], report["culprits"], report["open_ends"]) == (0, "agrees", [], [])
    assert report["preflight"] == []


def test_it_agrees_at_another_size_too(tmp_path: Path) -> None:
    """As asked about one loss."""
    options = ("size=96", "images=1")
    captures = capture_recipe("yolo11n", tmp_path, *options)
    code, report = report_of("yolo11n", captures, *options, model="cpp")
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", [])
