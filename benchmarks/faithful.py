"""How near a faithful port comes to being accused: its distance from the reference over the tolerance.

    python benchmarks/faithful.py

Captures yolo11n for five batches at three image sizes and runs the faithful Jittor port on each with three seeds and
three targets. Prints the largest distance in units of the tolerance; every verdict must be "agrees".
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
BATCHES = [(0, 320), (1, 320), (2, 320), (3, 192), (4, 224)]
TARGETS = ("cls_loss", "box_loss", "dfl_loss")


def bisect(*arguments: str) -> str:
    """Run the command line in the repository and return its stdout."""
    command = [sys.executable, "-m", "bisect_tool", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(done.stderr)
    return done.stdout


def main() -> None:
    """Measure and print the table."""
    table = Table(box=None)
    for heading in ("batch", "px", "seed", "target", "verdict", "error / tolerance", "start", "tolerance (relative)"):
        table.add_column(heading)
    for batch, size in BATCHES:
        with tempfile.TemporaryDirectory() as folder:
            common = ["--recipe", "yolo11n", "--captures", folder]
            common += ["--option", f"size={size}", "--option", f"batch_seed={batch}"]
            bisect("capture", *common)
            for seed in range(3):
                for target in TARGETS:
                    more = ["--target", target, "--option", f"seed={seed}", "--json"]
                    report = json.loads(bisect("run", *common, *more))
                    table.add_row(str(batch), str(size), str(seed), target, report["verdict"], *figures(report))
    Console(width=100).print(table)


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
