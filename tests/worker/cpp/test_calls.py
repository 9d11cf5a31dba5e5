"""Calls of modules in C++, of every kind, as they reach Python; and what becomes of them if something else is given there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
KINDS = {
    "bfloat16": "bfloat16[2, 3]",
    "bool": "bool[2, 3]",
    "byte": "uint8[2, 3]",
    "complex": "complex64[2]",
    "empty": "float32[0, 3]",
    "expanded": "float32[4]",
    "half": "float16[2, 3]",
    "int": "int32[2, 3]",
    "nan": "float32[2]",
    "scalar": "float32[]",
    "strided": "int64[3, 2]",
    "undefined": None,
}
X = "float32[3]"
CALLS = [
    ["defaults", [X], X],
    ["defaults", [X, 3], X],
    ["defaults", [X, 4, None], X],
    ["defaults", [X, 5, X], X],
    ["any", [X], X],
    ["any", [X, 3], X],
    ["pair", [X, X], X],
    ["constant", [X], X],
    ["pointed", [X, [], 0], None],
    ["writes", [X, [X], 1], None],
    ["opaque", [X, "odd::Mode", "odd::Strategy", "word", "std::unique_ptr<int, std::default_delete<int> >"], X],
    ["lists", [[X, X], [1, 2]], X],
    ["numbers", ["1j", 2, 3, 4.5], {"3": "float64[2]"}],
    ["state", [X, [X, X]], [X, X]],
    ["state", [X, None], [X, X]],
    ["derived", [X], X],
    ["inherits", [X], X],
    ["kinds", [KINDS], KINDS],
    ["wrong", [X, ""], X],
]
VALUES = {
    "any": 54,
    "constant": 9,
    "defaults": 90,
    "derived": 108,
    "kinds": 14,
    "lists": 30,
    "numbers": 21,
    "opaque": 6,
    "several": 12,
    "state": 36,
    "takes_away": 18,
    "written": 42,
    "wrong": 6,
}


@pytest.fixture(scope="module")
def seen() -> dict:
    """What ``watch_calls.py`` says of ``odd.cpp``."""
    command = [sys.executable, str(HERE / "watch_calls.py"), str(HERE), "odd.cpp:build"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_call_is_seen_once(seen: dict) -> None:
    """But not that of ``several``, which has two functions named forward, nor one with what can be given but once."""
    assert seen["calls"] == CALLS
    assert seen["plain"] == VALUES


def test_a_port_does_the_same_if_all_is_replaced_by_a_copy(seen: dict) -> None:
    """What a call writes into its arguments is its caller's, once, however often it was computed."""
    assert seen["copied"] == seen["twice"] == VALUES


def test_what_a_call_is_given_instead_arrives(seen: dict) -> None:
    """The results of ``numbers`` and ``kinds`` read no float tensor that is given."""
    nothing = dict.fromkeys(("any", "defaults", "lists", "opaque", "state", "wrong"), 0)
    assert seen["zero_arguments"] == {**VALUES, **nothing, "constant": 3, "derived": 90, "written": 6}


def test_what_is_given_in_the_place_of_a_result_arrives(seen: dict) -> None:
    """``written`` comes by no result."""
    kept = {name: VALUES[name] for name in ("several", "takes_away", "written", "kinds")}
    assert seen["zero_results"] == {**dict.fromkeys(VALUES, 0), **kept}
