"""Make the saved sessions that renderers are tested over, by real runs: ``python tests/renderers/record_sessions.py``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
SESSIONS = Path(__file__).resolve().parent / "sessions"
TINY = TESTS / "tiny"
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from cli.desk import MODEL, Desk, changed  # noqa: E402

OF_TINY = {
    "agrees": ("none", "cls_loss"),
    "code": ("residual", "reg_loss"),
    "loss": ("loss", "reg_loss"),
    "start": ("bias", "reg_loss"),
    "gradient": ("detach", None),
}
RETURN = 'return {"loss": (out**2).mean(), "size": out.abs().sum()}'
PLAIN = changed((RETURN, 'error = out - batch["x"].mean()\n        return {"loss": (error**2).mean()}'), model=MODEL)
# Changes of a port, by what they make of the answer.
OF_SMALL = {
    "line": (('batch["x"].mean()', 'batch["x"].amax()'),),
    "inconclusive": (
        ("nn.Linear(8, 2)", "nn.Linear(8, 2, bias=False)"),
        ("torch.tanh(self.first(x))", "torch.sin(self.first(x))"),
    ),
}


def main() -> None:
    """Write every session."""
    with tempfile.TemporaryDirectory() as name:
        desk = Desk(Path(name)).write(reference=PLAIN)
        desk.bisect("capture", "--recipe", str(TINY), "--grads")
        for session, (fault, target) in OF_TINY.items():
            wanted = ["--target", target] if target else []
            _save(session, desk, "--recipe", str(TINY), "--option", f"fault={fault}", *wanted)
        desk.bisect("capture", "--recipe", "small")
        for session, changes in OF_SMALL.items():
            desk.write(reference=PLAIN, port=changed(*changes, model=PLAIN))
            _save(session, desk, "--recipe", "small", "--target", "loss")


def _save(session: str, desk: Desk, *words: str) -> None:
    done = desk.bisect("run", "--json", *words)
    report: dict[str, Any] = json.loads(done.out)
    report["probes"]["seconds"] = 0.0  # they differ from run to run, and no renderer draws them
    for row in report["probes"]["log"]:
        row["seconds"] = 0.0
    (SESSIONS / f"{session}.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{session}: {report['sentence']}")


if __name__ == "__main__":
    main()
