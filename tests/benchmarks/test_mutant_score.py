"""How right an answer is: whatever the report blames, against the place that was changed."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import ROOT, imports_from

with imports_from(ROOT / "benchmarks"):
    from mutant_score import outcome, pair_outcome

CLASSES = {"Block": ["net.0", "net.1"]}
LAYER = {"truth": {"modules": ["net.0.act"]}}
OF_A_CLASS = {
    "truth": {"function": "Block.execute", "classes": ["Block"], "callers": [], "places": [["port.py", 3, 3]]}
}
IN_THE_LOSS = {
    "truth": {"function": "siou", "classes": [], "callers": ["Loss.__call__"], "places": [["loss.py", 7, 9]]}
}
WEIGHT = {"truth": {"state": ["net.0.weight"]}}


def culprit(
    *sites: str, kind: str = "code", line: str = "", unclear: tuple[str, ...] = (), confirmed: bool = True
) -> dict:
    file, _, number = line.partition(":")
    port = {"file": file, "line": int(number)} if line else None
    return {
        "kind": kind,
        "sites": list(sites),
        "confirmed": confirmed,
        "line": {"port": port, "unclear": list(unclear)},
    }


def report(*culprits: dict, verdict: str = "diverges", preflight: tuple[dict, ...] = ()) -> dict[str, Any]:
    return {"verdict": verdict, "culprits": list(culprits), "preflight": list(preflight)}


@pytest.mark.parametrize(
    ("blamed", "mutant", "expected"),
    [
        (culprit("net.0.act", "net.0.act#2"), LAYER, "exact"),
        (culprit("net.0"), LAYER, "enclosing"),
        (culprit("net.0.act", "net.1.act"), LAYER, "wrong"),
        (culprit("net.0.act", kind="values"), LAYER, "wrong"),
        (culprit("net.1"), OF_A_CLASS, "exact"),
        (culprit("net.1.conv"), OF_A_CLASS, "wrong"),
        (culprit("siou:overlap", line="loss.py:8"), IN_THE_LOSS, "exact"),
        (culprit("siou:overlap", line="loss.py:12"), IN_THE_LOSS, "enclosing"),
        (culprit("Loss.__call__:box", line="loss.py:40"), IN_THE_LOSS, "enclosing"),
        (culprit("ciou:shape", line="loss.py:40", unclear=("loss.py:9",)), IN_THE_LOSS, "exact"),
        (
            culprit("ciou:shape", line="a.py:40", unclear=tuple(f"loss.py:{n}" for n in range(9))),
            IN_THE_LOSS,
            "enclosing",
        ),
        (culprit("ciou:shape", line="boxes.py:8"), IN_THE_LOSS, "wrong"),
        (culprit("step"), IN_THE_LOSS, "enclosing"),
        (culprit("net.0"), IN_THE_LOSS, "wrong"),
        (culprit("net.0.weight", kind="values"), WEIGHT, "exact"),
        (culprit("net.0.weight", "net.0.bias", kind="values"), WEIGHT, "wrong"),
    ],
)
def test_a_culprit_is_as_right_as_the_place_it_names(blamed: dict, mutant: dict, expected: str) -> None:
    assert outcome(report(blamed), mutant, CLASSES) == expected


def test_an_answer_is_as_bad_as_the_worst_that_it_says() -> None:
    """One right culprit does not make up for an innocent; what is not proved accuses nobody."""
    assert outcome(report(culprit("net.0.act"), culprit("net.1")), LAYER, CLASSES) == "wrong"
    assert outcome(report(culprit("net.0.act"), culprit("net.1", confirmed=False)), LAYER, CLASSES) == "exact"


def test_no_culprit_is_no_accusation() -> None:
    noted = ({"check": "setting", "sites": ["net.0.act"], "message": "eps"},)
    assert outcome(report(verdict="inconclusive"), LAYER, CLASSES) == "inconclusive"
    assert outcome(report(verdict="agrees"), LAYER, CLASSES) == "missed"
    assert outcome(report(verdict="agrees", preflight=noted), LAYER, CLASSES) == "noted"


def test_of_a_pair_every_mutant_must_be_blamed() -> None:
    """One culprit may hold both, where every site is one's or the other's; an innocent beside them spoils it."""
    pair = [LAYER, {"truth": {"modules": ["net.5"]}}]
    assert pair_outcome(report(culprit("net.0.act"), culprit("net.5")), pair, CLASSES) == "both"
    assert pair_outcome(report(culprit("net.0.act", "net.5")), pair, CLASSES) == "both"
    assert pair_outcome(report(culprit("net.5")), pair, CLASSES) == "one"
    assert pair_outcome(report(verdict="inconclusive"), pair, CLASSES) == "none"
    assert pair_outcome(report(culprit("net.5"), culprit("net.6")), pair, CLASSES) == "wrong"
