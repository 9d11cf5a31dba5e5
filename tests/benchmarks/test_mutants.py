"""A small sample of the benchmark of mutants, as a gate: nobody innocent is blamed, and hardly anything is not found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SINGLE, PAIRED = 10, 2


@pytest.mark.parametrize("recipe", ["yolo11n", "gold_yolo"])
def test_mutants_are_found_and_nothing_else_is_blamed(recipe: str, tmp_path: Path) -> None:
    """Chosen by a seed, evenly over kinds, on the torch twin of each port: real runs, scored as docs/benchmark.md does."""
    file = tmp_path / "answers.json"
    script = [
        sys.executable,
        ROOT / "benchmarks" / "mutants.py",
        recipe,
        "--jobs",
        "1",
        "--seed",
        "2026",
        "--json",
        file,
    ]
    asked = ["--count", str(SINGLE), "--pairs", str(PAIRED)]
    done = subprocess.run([*script, *asked], capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr
    answers = json.loads(file.read_text())["answers"]
    said = [
        (len(answer["mutants"]), one["outcome"], one["target"], answer["mutants"][0]["what"], one["said"])
        for answer in answers
        for one in answer["answers"]
    ]
    single = [row for row in said if row[0] == 1]
    paired = [row for row in said if row[0] == 2]
    assert len(answers) == SINGLE + PAIRED
    assert not [row for row in single if row[1] not in ("exact", "enclosing", "noted", "inconclusive")]
    assert sum(row[1] == "exact" for row in single) >= 0.9 * len(single)
    assert not [row for row in paired if row[1] == "wrong"]
    assert any(row[1] == "both" for row in paired)
