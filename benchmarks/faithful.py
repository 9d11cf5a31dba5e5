"""How near a faithful port comes to being accused: its distance from the reference over the tolerance.

    python benchmarks/faithful.py yolo11n
    python benchmarks/faithful.py gold_yolo

Captures a recipe for several batches, image sizes and ways to build it, and runs the faithful Jittor port on each, with
several seeds and targets. Prints each distance in units of the tolerance; every verdict must be "agrees".
"""

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
# For each recipe what both sides are built with, the port's seeds, and the targets.
CASES = {
    "yolo11n": (
        [[f"size={size}", f"batch_seed={seed}"] for seed, size in enumerate((320, 320, 320, 192, 224))],
        range(3),
        ("cls_loss", "box_loss", "dfl_loss"),
    ),
    "gold_yolo": (
        [
            [f"size={size}", f"batch_seed={seed}", f"zero_heads={zero}", f"warmup_epochs={epochs}"]
            for size, seed, zero, epochs in itertools.product((320, 500), range(3), ("false", "true"), (0, 1))
        ],
        range(1),
        ("cls_loss", "iou_loss"),
    ),
}


def bisect(*arguments: str) -> str:
    """Run the command line in the repository and return its stdout."""
    command = [sys.executable, "-m", "bisect_tool", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(done.stderr)
    return done.stdout


def main() -> None:
    """Measure and print the table."""
    recipe = sys.argv[1] if len(sys.argv) == 2 and sys.argv[1] in CASES else sys.exit(__doc__)
    table = Table(box=None)
    for heading in ("built with", "seed", "target", "verdict", "error / tolerance", "start", "tolerance (relative)"):
        table.add_column(heading, overflow="fold")
    cases, seeds, targets = CASES[recipe]
    for options in cases:
        with tempfile.TemporaryDirectory() as folder:
            common = ["--recipe", recipe, "--captures", folder]
            common += [word for option in options for word in ("--option", option)]
            bisect("capture", *common)
            for seed, target in itertools.product(seeds, targets):
                more = ["--target", target, "--option", f"seed={seed}", "--json"]
                report = json.loads(bisect("run", *common, *more))
                table.add_row(" ".join(options), str(seed), target, report["verdict"], *figures(report))
    Console(width=120).print(table)


def figures(report: dict) -> list[str]:
    """Return the distances from the reference in units of the tolerance, and the tolerance."""
    code, start = report["questions"]["code"], report["questions"]["start"]
    width = code["high"] - code["centre"]
    return [
        f"{abs(code['value'] - code['centre']) / width:.3f}",
        f"{abs(start['value'] - start['centre']) / (start['high'] - start['centre']):.2f}",
        f"{width / abs(code['centre']):.1e}",
    ]


if __name__ == "__main__":
    main()
