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
from cpp_faults import FAULTS  # noqa: E402 - the recipe's own folder is on the path now

SIZE = ("--option", "size=192")
LISTED = 10  # lines beside the one that is shown


def bisect(*words: str) -> str:
    """Run the command and return what it printed."""
    command = [sys.executable, "-m", "bisect_tool", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def wrong_line(name: str) -> str:
    """Return where a mistake is: ``cpp/loss.h:40``."""
    text = FAULTS[name].text or f'fault("{name}")'
    lines = (RECIPE / "cpp" / FAULTS[name].file).read_text(encoding="utf-8").splitlines()
    return f"cpp/{FAULTS[name].file}:{next(number for number, line in enumerate(lines, 1) if text in line)}"


def score(name: str, report: dict[str, Any]) -> str:
    """Return "exact", "line", "listed", "enclosing", or the verdict where nothing is proved."""
    culprits = [one for one in report["culprits"] if one["confirmed"]]
    if name == "none":
        return "agrees" if report["verdict"] == "agrees" and not culprits else "ACCUSED"
    if not culprits:
        return str(report["verdict"])
    if FAULTS[name].sites:
        found = {site for one in culprits for site in one["sites"]}
        return "exact" if found == set(FAULTS[name].sites) else "other sites"
    line = culprits[0]["line"]
    if line is None or len(culprits) > 1:
        return "enclosing" if {"step"} == set(culprits[0]["sites"]) else "other sites"
    shown = "{file}:{line}".format(**line["port"])
    if shown == wrong_line(name):
        return "line"
    return "listed" if wrong_line(name) in line["unclear"][:LISTED] else f"other line {shown}"


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
