"""How right an answer is about a port of known mistakes: each must be named, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT, imports_from

tomllib = pytest.importorskip("tomllib")  # as the script does, from Python 3.11 on
with imports_from(ROOT / "benchmarks" / "real_ports"):
    from score import is_asked, parts_of, score_fault

NORM = {"kind": "code", "sites": ["net.*.norm"], "lines": [], "most_lines": 2, "words": ["off"]}
LOSS = {"kind": "code", "sites": ["step", "loss:*"], "lines": ["port.py:9"], "most_lines": 2, "never": ["silu"]}
TOKEN = {"kind": "values", "sites": ["net.token"], "lines": [], "most_lines": 2, "targets": ["felt"]}
RAISES = {"kind": "code", "sites": ["net.0"], "lines": [], "most_lines": 2, "told": ["port.py:7"]}
TWO, MIXED = {"parts": [NORM, LOSS]}, {"parts": [NORM, TOKEN]}


def culprit(
    *sites: str, kind: str = "code", lines: tuple[int, ...] = (), says: str = "off", proved: bool = True
) -> dict:
    port = {"file": "port.py", "line": lines[0]} if lines else None
    line = {"port": port, "unclear": [f"port.py:{n}" for n in lines[1:]]}
    return {"kind": kind, "sites": list(sites), "line": line, "findings": [{"message": says}], "confirmed": proved}


def score(
    fault: dict, *culprits: dict, target: str | None = None, sentence: str = "", noted: tuple[str, ...] = ()
) -> str:
    preflight = [{"sites": [site], "message": "eps"} for site in noted]
    report = {"culprits": list(culprits), "sentence": sentence, "preflight": preflight, "notes": []}
    return score_fault(1 if culprits else 0, report, fault, target)


NORMS = culprit("net.0.norm", "net.1.norm")
STEP = culprit("step", lines=(8, 9))
START = culprit("net.token", kind="values")


@pytest.mark.parametrize(
    ("fault", "culprits", "expected"),
    [
        (LOSS, [STEP], "exact"),
        (LOSS, [culprit("step", lines=(8, 9, 10))], "enclosing"),
        (TWO, [NORMS, STEP], "exact"),
        (TWO, [culprit("net.0.norm"), culprit("net.1.norm"), STEP], "exact"),
        (TWO, [NORMS], "enclosing"),
        (TWO, [STEP], "enclosing"),
        (TWO, [NORMS, culprit("step", lines=(8,))], "enclosing"),
        (TWO, [NORMS, culprit("step", lines=(8, 9, 10))], "enclosing"),
        (TWO, [STEP, culprit("net.0", "net.1.norm")], "enclosing"),
        (TWO, [culprit("net.0.norm", "step", lines=(9,))], "enclosing"),
        (TWO, [NORMS, STEP, culprit("net.0.conv")], "wrong"),
        (TWO, [NORMS, STEP, culprit("net.0.conv", proved=False)], "exact"),
        (TWO, [culprit("net.0.norm", says="odd"), STEP], "enclosing"),
        (TWO, [culprit("net.0.norm", says="silu is off"), STEP], "wrong"),
        (MIXED, [NORMS, START], "exact"),
        (MIXED, [NORMS, culprit("net.token")], "enclosing"),
        (MIXED, [START], "enclosing"),
    ],
)
def test_exact_is_what_names_each_part_of_its_kind_with_its_line_and_no_more(
    fault: dict, culprits: list[dict], expected: str
) -> None:
    assert score(fault, *culprits) == expected


def test_a_target_asks_for_the_parts_that_it_feels() -> None:
    """Naming another part as well is right, if with few lines."""
    assert score(MIXED, NORMS, target="felt") == "enclosing"
    assert score(MIXED, NORMS, target="other") == "exact"
    assert score(MIXED, NORMS, START, target="other") == "exact"
    assert score(MIXED, START, target="other") == "enclosing"
    assert score(MIXED, NORMS, culprit("net.token", kind="values", lines=(1, 2, 3)), target="other") == "enclosing"


def test_where_the_port_raises_must_be_told_and_nobody_blamed_for_it() -> None:
    fault = {"parts": [NORM, RAISES]}
    assert score(fault, NORMS, sentence="raises at port.py:7") == "exact"
    assert score(fault, NORMS, culprit("net.0"), sentence="raises at port.py:7") == "exact"
    assert score(fault, NORMS, culprit("net.0")) == "enclosing"


def test_what_is_only_noted_must_be_noted_of_each_part() -> None:
    assert score(TWO, noted=("net.0.norm", "step")) == "noted"
    assert score(TWO, noted=("step",)) == "missed"
    assert score(MIXED, noted=("net.0.norm",), target="other") == "noted"


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("benchmarks/*_ports/cases/*/expected.toml")), ids=lambda p: p.parent.name
)
def test_every_question_asks_for_a_part(path: Path) -> None:
    expected = tomllib.loads(path.read_text())
    for fault in (table for table in expected.values() if isinstance(table, dict)):
        for target in (None, *expected["targets"]):
            assert any(is_asked(part, target) for part in parts_of(fault))
