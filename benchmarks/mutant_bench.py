"""One recipe to be put to the test: its references, recorded, and its port or the port's torch twin to change."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import mutant_build
import numpy as np
from mutating_modules import named_state, to_numpy

from bisect_tool import Capture, open_port
from bisect_tool.probes.port import WorkerPort

HERE = Path(__file__).resolve().parent
OPTIONS: Mapping[str, dict[str, Any]] = {"yolo11n": {"size": 192}, "gold_yolo": {"size": 192, "zero_heads": False}}
TARGETS = {"yolo11n": ("cls_loss", "box_loss", "dfl_loss"), "gold_yolo": ("cls_loss", "iou_loss")}


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark of a recipe's port takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=OPTIONS)
    parser.add_argument(
        "--framework", choices=("torch", "jittor"), default="torch", help="the twin, or the port itself"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="kinds, or rewrites, that start with this")
    parser.add_argument("--json", type=Path, help="write every answer to this file")
    return parser


class Bench:
    """One recipe's references, recorded, and its port to put mutants in; it lives in a folder of its own."""

    def __init__(self, recipe: str, framework: str, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        self.weights = str(folder / "weights.npz")
        built = mutant_build.reference(recipe, **OPTIONS[recipe])
        np.savez(self.weights, **{name: to_numpy(t) for name, t in named_state(built["modules"]).items()})
        rules = (mutant_build.RECIPES / recipe / "recipe.toml").read_text().partition("[names]")
        places = [mutant_build.RECIPES / recipe, mutant_build.RECIPES / "detection"]
        shared = f"path = {json.dumps([str(p) for p in places])}\noptions = {{ recipe = {json.dumps(recipe)} "
        entry = Path(os.path.relpath(HERE / "mutant_build.py", folder))
        twin = json.dumps(framework == "torch")
        (folder / "recipe.toml").write_text(
            f'[models.ref]\nframework = "torch"\nentry = "{entry}:reference"\n{shared}}}\n'
            f'[models.port]\nframework = "{framework}"\nentry = "{entry}:port"\n{shared}, twin = {twin} }}\n'
            f"{''.join(rules[1:])}"
        )

    def options(self, mutants: list[Mapping]) -> dict[str, Any]:
        """Return what both sides are built with: mistakes in what is drawn at the start need drawn weights."""
        drawn = any(mutant["kind"].startswith("initial") for mutant in mutants)
        return {**OPTIONS[self.recipe], "seed": 0, **({} if drawn else {"weights": self.weights})}

    def capture(self, options: Mapping[str, Any], *, grads: bool) -> Path:
        """Record the reference once for each way to build it; return the capture's folder."""
        home = self.folder / ("loaded" if "weights" in options else "drawn") / ("grads" if grads else "plain")
        return home / self.folder.name / "ref" if home.exists() else self.record(options, home, grads=grads)

    def record(self, options: Mapping[str, Any], home: Path, *, grads: bool) -> Path:
        """Record the reference into a folder of captures; return the capture's folder."""
        command = ["capture", "--recipe", str(self.folder), "--captures", str(home), *["--grads"][: int(grads)]]
        command += [word for k, v in options.items() for word in ("--option", f"{k}={json.dumps(v)}")]
        done = subprocess.run(
            [sys.executable, "-m", "bisect_tool", *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=HERE.parent,
        )
        if done.returncode:
            raise RuntimeError(f"cannot record with {dict(options)}: {done.stderr}")
        return home / self.folder.name / "ref"

    def port(self, capture: Capture, options: Mapping[str, Any]) -> AbstractContextManager[WorkerPort]:
        """Open the port in a worker of its own, with no probe kept from before. Raises BisectError when it cannot be."""
        probes = Path(tempfile.mkdtemp(dir=self.folder))
        return open_port(self.folder, capture, options=options, probes=probes)
