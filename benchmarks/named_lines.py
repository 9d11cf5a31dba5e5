"""How sharply mistakes in losses, assigners and boxes are named: the statement, how many other lines beside it, the expression.

    python benchmarks/named_lines.py [RECIPE ...] [--faults NAME,NAME]

Captures each recipe's reference once, asks about each such mistake of its Jittor port, and prints a row for each: whether the line
that the mistake changed is the one that is named, whether it is among those that are listed, how many are listed beside the named one,
and whether the marked expression is one that the mistake changed. What an edit changed is known from its text.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
SIZE = "size=192"
MODULES = ("loss_faults", "assigner_faults", "overlap_faults")
FEW = 2  # lines beside the named one


def faults(recipe: str) -> dict[str, Any]:
    """Return the mistakes after the last layer that a recipe's port can be built with."""
    sys.path[:0] = [str(ROOT / "recipes" / recipe), str(ROOT / "recipes" / "detection")]
    found: dict[str, Any] = {}
    try:
        for path in MODULES:
            if (ROOT / "recipes" / recipe / f"{path}.py").exists():
                tables = [value for value in vars(importlib.import_module(path)).values() if isinstance(value, dict)]
                every = {str(name): fault for table in tables for name, fault in table.items()}
                found |= {name: fault for name, fault in every.items() if getattr(fault, "kind", "") == "loss"}
        return found
    finally:
        del sys.path[:2]
        for path in MODULES:
            sys.modules.pop(path, None)


def bisect(*words: str) -> str:
    """Run the command and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "bisect_tool", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1, 3):
        raise SystemExit(done.stderr)
    return done.stdout


Place = tuple[str, int, int]  # file, line, column


def changed(recipe: str, fault: Any) -> list[tuple[Place, Place]]:
    """Return what a mistake writes anew, from one place up to another; where it only takes away, both are one."""
    texts: dict[str, str] = {}
    found = []
    for edit in fault.edits:
        places = [ROOT / "recipes" / folder / edit.file for folder in (recipe, "detection")]
        old = texts.get(edit.file) or next(p for p in places if p.exists()).read_text()
        start = old.index(edit.old)
        texts[edit.file] = new = old.replace(edit.old, edit.new)
        for tag, _, _, first, last in difflib.SequenceMatcher(None, edit.old, edit.new, autojunk=False).get_opcodes():
            if tag != "equal":
                found.append((_place(edit.file, new, start + first), _place(edit.file, new, start + last)))
    return found


def _place(file: str, text: str, offset: int) -> Place:
    before = text[:offset]
    return file, before.count("\n") + 1, offset - (before.rfind("\n") + 1)


def row(recipe: str, name: str, fault: Any, captures: str) -> list[str]:
    """Ask about one mistake; return what is shown of it."""
    out = bisect("run", "--recipe", recipe, "--captures", captures, "--target", fault.target, "--json",
                 "--option", SIZE, "--option", f"fault={name}")  # fmt: skip
    report = json.loads(out)
    if len(report["culprits"]) != 1 or not report["culprits"][0]["line"]:
        return [name, report["verdict"], "-", "none", "-", "", ""]
    line = report["culprits"][0]["line"]
    truth = changed(recipe, fault)
    named = (line["port"]["file"].rpartition("/")[2], line["port"]["line"])
    others = [
        (file.rpartition("/")[2], int(number)) for file, _, number in (p.rpartition(":") for p in line["unclear"])
    ]
    exact = {(file, n) for (file, first, _), (_, last, _) in truth for n in range(first, last + 1)}
    is_named = named in exact
    is_listed = is_named or bool(exact & set(others))
    marks = [mark["span"] for mark in line["port_marks"]]
    is_marked = bool(marks) and any(
        begin[0] == named[0] and (first, start) <= end[1:] and begin[1:] <= (last, after)
        for begin, end in truth
        for first, start, last, after in marks
    )
    return [
        name,
        "named" if is_named else "listed" if is_listed else "not",
        str(len(others)),
        "right" if is_marked else "wrong" if marks else "none",
        f"{named[0]}:{named[1]}",
        " ".join(sorted({f"{file}:{line}" for (file, line, _), _ in truth})),
        "; ".join(mark["text"] for mark in line["port_marks"]),
    ]


def main() -> None:
    """Ask about each mistake and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=["yolo11n", "gold_yolo"])
    parser.add_argument("--faults", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as captures:
        for recipe in asked.recipes:
            table = Table("mistake", "its line is", "others", "expression", "named", "changed", "marked", title=recipe)
            bisect("capture", "--recipe", recipe, "--captures", captures, "--option", SIZE)
            rows = []
            for name, fault in faults(recipe).items():
                if not asked.faults or name in asked.faults.split(","):
                    rows.append(row(recipe, name, fault, captures))
                    print(*rows[-1], flush=True)
            for cells in rows:
                table.add_row(*cells)
            Console().print(table)
            sharp = sum(cells[1] == "named" and int(cells[2]) <= FEW for cells in rows)
            marked = sum(cells[3] == "right" for cells in rows)
            print(f"{recipe}: {marked} of {len(rows)} mark an expression that the mistake changed")
            print(f"{recipe}: {sharp} of {len(rows)} name the statement with at most {FEW} other lines")


if __name__ == "__main__":
    main()
