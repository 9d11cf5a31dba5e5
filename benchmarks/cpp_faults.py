"""Every mistake of the yolo11n port in C++: is the culprit exact, and its line the one shown or one of those listed with it.

``python benchmarks/cpp_faults.py [FAULT ...]``; about six seconds a fault.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "recipes" / "yolo11n"
sys.path[:0] = [str(RECIPE), str(ROOT / "recipes" / "detection")]
from cpp_faults import FAULTS  # type: ignore[attr-defined] # noqa: E402 - the recipe's own folder is on the path now

SIZE = ("--option", "size=192")
LISTED = 10  # lines beside the one that is shown


def bisect(*words: str) -> str:
    """Run the command and return what it printed."""
    command = [sys.executable, "-m", "bisect_tool", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def wrong_lines(name: str) -> set[str]:
    """Return the lines of the statement in which a mistake is: ``cpp/loss.h:40``; the first of them is where it begins."""
    text = FAULTS[name].text or f'fault("{name}")'
    lines = (RECIPE / "cpp" / FAULTS[name].file).read_text(encoding="utf-8").splitlines()
    last = next(number for number, line in enumerate(lines) if text in line)
    first = last
    while lines[first - 1].strip() and not lines[first - 1].partition("//")[0].rstrip().endswith((";", "{", "}")):
        first -= 1
    return {f"cpp/{FAULTS[name].file}:{number + 1}" for number in range(first, last + 1)}


def score(name: str, report: dict[str, Any]) -> str:
    """Return "exact", "line", "listed", "enclosing", or the verdict where nothing is proved."""
    culprits = [one for one in report["culprits"] if one["confirmed"]]
    if name == "none":
        return "agrees" if report["verdict"] == "agrees" and not culprits else "ACCUSED"
    if not culprits:
        return str(report["verdict"])
    if FAULTS[name].sites:
        # At a size where two pools have taken the maximum of all, the third call of a wrong one gives what is right.
        found, wrong = ({site.partition("#")[0] for site in sites} for sites in (_sites(culprits), FAULTS[name].sites))
        return "exact" if found == wrong else "other sites"
    line = culprits[0]["line"]
    if line is None or len(culprits) > 1:
        return "enclosing" if _sites(culprits) == {"step"} else "other sites"
    shown = "{file}:{line}".format(**line["port"])
    wrong_ones = wrong_lines(name)
    if shown in wrong_ones:
        return "line"
    return "listed" if wrong_ones.intersection(line["unclear"][:LISTED]) else f"other line {shown}"


def _sites(culprits: list[dict[str, Any]]) -> set[str]:
    return {site for one in culprits for site in one["sites"]}


def main() -> None:
    """Print a row for each mistake, and the totals."""
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        bisect("capture", "--recipe", "yolo11n", "--captures", folder, "--grads", *SIZE)
        where = ("--recipe", "yolo11n", "--model", "cpp", "--captures", folder)
        for name in sys.argv[1:] or FAULTS:
            report = json.loads(bisect("run", *where, "--json", *SIZE, "--option", f"fault={name}"))
            found = score(name, report)
            totals[found] += 1
            print(f"{name:30} {FAULTS[name].kind:9} {found}", flush=True)
    print("totals", ", ".join(f"{number} {word}" for word, number in totals.most_common()))


if __name__ == "__main__":
    main()
