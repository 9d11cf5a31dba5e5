"""Ports whose code is wrong and whose weights start wrong too, asked about by the real command line on real torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_starts import FAULTS, SEEDED, asked

LARGE = "is_port and nn.init.normal_(self.out.weight, std=40.0); self.factor = 1.05 if is_port else 1.0"
SITE = "net.out.weight"
TARGETS = pytest.mark.parametrize("target", [(), ("loss",)], ids=["no target", "loss"])


def named(report: dict[str, Any]) -> dict[str, list[str]]:
    """Return what is proved to be to blame, by its kind."""
    return {c["kind"]: c["sites"] for c in report["culprits"] if c["confirmed"]}


def later(report: dict[str, Any]) -> str:
    """Return what is said of the start that could not be asked about."""
    said = [*report["open_ends"], *report["notes"]]
    return next((words for words in said if words.startswith("not asked yet: whether loss starts the same")), "")


@TARGETS
def test_a_small_fault_in_the_code_does_not_hide_weights_that_are_far_off(
    target: tuple[str, ...], tmp_path: Path
) -> None:
    """Both are proved, and the report says which of the two is the larger."""
    report = asked(tmp_path, LARGE, "* self.factor", SEEDED, *target)
    assert (report["verdict"], named(report)) == ("diverges", {"code": ["net"], "values": [SITE]})
    assert (
        "Most of it is the weights: loss is 666.081 as it is, 1.69798 with the reference's weights"
        in report["sentence"]
    )
    assert "does not show" not in report["sentence"]  # the layer that is put right hides the tensors before it
    assert "weights alone: with the reference's, loss is still 1.69798, not 1.67849" in report["ruled_out"]


@TARGETS
def test_a_wrong_loss_does_not_hide_them(target: tuple[str, ...], tmp_path: Path) -> None:
    """What the seeds prove is proved, and one probe shows what the target makes of it."""
    report = asked(tmp_path, LARGE, "", SEEDED, *target, loss="* net.factor")
    assert (report["verdict"], named(report)) == ("diverges", {"code": ["step"], "values": [SITE]})
    assert "Most of it is the weights: loss is 666.081 as it is" in report["sentence"]
    assert later(report).endswith(f"with the reference's values of {SITE}, loss goes from 666.081 to 1.6055")


def test_code_that_is_not_settled_does_not_hide_them(tmp_path: Path) -> None:
    """The bias has no partner, so that nothing is proved of the code that reads it."""
    net = "self.out = nn.Linear(256, 4, bias=not is_port); nn.init.normal_(self.out.weight, std=40.0 if is_port else 0.05)"
    report = asked(
        tmp_path, f"{net}; nn.init.ones_(self.norm.bias)", "* (1 + 0.05 * (self.out.bias is None))", SEEDED, "loss"
    )
    assert (report["verdict"], named(report)) == ("diverges", {"values": [SITE]})
    assert [c["kind"] for c in report["culprits"] if not c["confirmed"]] == ["code"]
    assert "(but for net.out.bias, without a sure partner of that shape)" in report["sentence"]
    assert f"with the reference's values of {SITE}, loss goes from" in later(report)


def test_a_crash_does_not_hide_them(tmp_path: Path) -> None:
    """The port gives no target: nothing is said of where it starts, and not that it feels no weight."""
    report = asked(tmp_path, LARGE, "if self.factor == 1 else 1 / 0", SEEDED)
    assert (report["verdict"], named(report)) == ("diverges", {"values": [SITE]})
    assert report["sentence"].startswith("The port's step raises ZeroDivisionError")
    assert (later(report), "Most of it" in report["sentence"]) == ("", False)
    assert not [note for note in report["notes"] if "feels none" in note]


def test_weights_that_start_by_the_reference_s_laws_are_left_alone(tmp_path: Path) -> None:
    """Code alone is wrong: no more is said of weights than that they do not explain it."""
    report = asked(tmp_path, "self.factor = 1.05 if is_port else 1.0", "* self.factor", SEEDED, "loss")
    assert (report["verdict"], named(report)) == ("diverges", {"code": ["net"]})
    assert "Most of it" not in report["sentence"]
    assert later(report) == "not asked yet: whether loss starts the same, for which the code must be right first"


def test_without_a_target_a_wrong_start_is_said_of_the_target_that_shows_it(tmp_path: Path) -> None:
    """And of that alone."""
    report = asked(tmp_path, FAULTS["head too small"][0].replace("0.01", "40"))
    assert report["sentence"].startswith(
        f"The initial value of {SITE} is wrong: with the port's own weights loss starts at"
    )
