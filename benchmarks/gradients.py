"""How far gradients are off, in what is allowed: in faithful ports, and in each fault of the backward pass.

``python benchmarks/gradients.py`` prints for both recipes the worst gradient of a piece and of a whole backward pass, and
what recording gradients costs against recording without.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from faithful_errors import worst_gradient

from bisect_tool import Capture, open_port
from bisect_tool.axes.gradients.pieces import floor_of, owner_of
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import state_of, trace_of
from bisect_tool.probes.intervention import Intervention

ROOT = Path(__file__).resolve().parent.parent


def measured(recipe: str, captures: Path, fault: str) -> tuple[float, str, float]:
    """Return the worst gradient of a piece in what is allowed, where it is, and the worst parameter's of a whole pass."""
    capture = Capture.open(captures / recipe / "ref")
    manifest, gradients = capture.manifest, capture.manifest.gradients
    assert gradients is not None
    with open_port(ROOT / "recipes" / recipe, capture, options={"fault": fault}, probes=captures / "probes") as port:
        pair = Pair(manifest, port.described, port.matching, dict(port.run(Intervention()).calls))
        trace = trace_of(pair, port.can_patch)
        state = frozenset(state_of(pair))
        pieces = port.run(Intervention(state, backward="pieces").watching(trace.sites)).pieces
        whole = port.run(Intervention(state, backward="whole", straight=frozenset(trace.sites)))
    worst, where = 0.0, ""
    for row in pieces:
        floor = floor_of(row, trace, gradients)
        ratio = float("inf") if row.gradient.mismatch else row.gradient.apart / floor if floor else 0.0
        if ratio > worst:
            worst, where = ratio, owner_of(row, trace)
    return worst, where, worst_gradient(port, manifest, whole)


def capture(recipe: str, folder: Path, *words: str) -> float:
    """Capture a recipe and return how long it took, in seconds."""
    start = time.perf_counter()
    arguments = ["capture", "--recipe", recipe, "--captures", str(folder), "--json", *words]
    done = subprocess.run([sys.executable, "-m", "bisect_tool", *arguments], cwd=ROOT, capture_output=True, check=True)
    json.loads(done.stdout)
    return time.perf_counter() - start


def faults(recipe: str) -> list[str]:
    """Return the names of a recipe's faults in the backward pass."""
    before = set(sys.modules)
    sys.path[:0] = [str(ROOT / "recipes" / recipe), str(ROOT / "recipes" / "detection")]
    try:
        import gradient_faults

        return [name for name, fault in gradient_faults.IN_THE_BACKWARD.items() if fault.kind == "gradient"]
    finally:
        del sys.path[:2]
        for name in set(sys.modules) - before:  # the other recipe has files of the same names
            del sys.modules[name]


def main() -> None:
    """Print the table of each recipe."""
    for recipe in ("yolo11n", "gold_yolo"):
        with tempfile.TemporaryDirectory() as folder:
            plain, with_gradients = capture(recipe, Path(folder)), capture(recipe, Path(folder), "--grads")
            print(f"{recipe}: recording with gradients takes {with_gradients / plain:.2f} times as long as without")
            print("  worst gradient, in what is allowed (more than 1 is off)      piece   whole pass")
            for fault in ["none", *faults(recipe)]:
                piece, where, whole = measured(recipe, Path(folder), fault)
                print(f"  {fault:30s} {where:28s} {piece:9.2g} {whole:12.2g}", flush=True)


if __name__ == "__main__":
    main()
