"""A worker's reply as a reading: every field and row is of its kind, or the whole is none."""

from __future__ import annotations

from typing import Any

import pytest

from bisect_tool.probes.reading import Comparison, Pulled, Reading

HUGE = 10**400  # JSON has such numbers, and no float is as large


def row(**fields: Any) -> dict[str, Any]:
    return {"watched": {"m": {"output": [{"path": "", **fields}]}}}


def pulled(**fields: Any) -> dict[str, Any]:
    return {"gradients": {"m.weight": fields}}


def piece(**fields: Any) -> dict[str, Any]:
    whole = {"site": "m", "part": "state", "path": "m.weight", "exact": False, "gradient": {}, **fields}
    return {"pieces": [whole]}


@pytest.mark.parametrize(
    "reply",
    [
        row(),
        row(error="much"),
        row(error=HUGE),
        row(error=-1.0),
        row(error=0.0, certain=True),
        row(mismatch=[1]),
        pulled(norm=[]),
        pulled(apart="x"),
        piece(part="elsewhere"),
        piece(gradient=None),
        {"targets": {"loss": HUGE}},
        {"targets": {"loss": None}},
        {"receipts": {"m": 1}},
        {"calls": [["m", [["", ["wide"]]]]]},
        {"seconds": HUGE},
        {"kernels": -1},
    ],
)
def test_what_is_of_another_kind_is_no_reading(reply: dict[str, Any]) -> None:
    """A row that says nothing is none, too: it would exonerate."""
    with pytest.raises(ValueError):
        Reading.from_json(reply)


def test_a_reply_becomes_a_reading() -> None:
    """Lists become tuples, one receipt a list of one; NaN is a number; what else a reply holds is passed over."""
    reading = Reading.from_json(
        {
            "targets": {"loss": float("nan")},
            "receipts": {"m": "A", "n": ["B", "C"]},
            "calls": [["m", [["", [2, 3]]]]],
            **row(missing=True),
            **pulled(rms=1.5),
        }
    )
    assert reading.receipts == {"m": ["A"], "n": ["B", "C"]}
    assert reading.calls == (("m", (("", (2, 3)),)),)
    assert reading.watched["m"].output == (Comparison("", missing=True),)
    assert reading.gradients == {"m.weight": Pulled(rms=1.5)}


@pytest.mark.parametrize("kernels", [-1, 1 << 70, 1.5, "many"])
def test_a_number_of_kernels_that_no_report_takes_is_no_reading(kernels: object) -> None:
    """It would end the run as the report is made."""
    with pytest.raises(ValueError, match="kernels"):
        Reading.from_json({"kernels": kernels})
