"""Kill `bisect capture` and `bisect run` at random moments, and look at what is left: python benchmarks/kills.py [KILLS] [SEED].

Of the kills three in four are SIGKILL (to the command, or to a worker of it), the others SIGTERM. After each, no process of the
command may be left, the capture is whole (with the old or the new values) or absent, and the same command, run again to its end, gives
what it gives undisturbed and leaves no folder of the killed one behind. Prints a row a command, and what was wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from cli.desk import Desk, changed  # noqa: E402 - found beside this file

from bisect_tool.captures.reader import Capture  # noqa: E402
from bisect_tool.captures.verifying import damage_of  # noqa: E402
from bisect_tool.errors import BisectError, CaptureError  # noqa: E402

MARK = f"BISECT_KILLS={os.getpid()}"  # in the environment of all that the killed commands start
WAIT = 3.0  # seconds until what was killed has to be gone
WRONG = ("torch.tanh(self.first(x))", "torch.sin(self.first(x))")
COMMANDS = {"capture": ("capture", "--seeds", "2", "--grads"), "run": ("run", "--target", "loss", "--json")}


def start(desk: Desk, words: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start a command that is to be killed."""
    key, _, value = MARK.partition("=")
    return desk.start(*words, env={key: value})


def marked() -> list[int]:
    """Return the processes that killed commands left."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if MARK.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


def killed(desk: Desk, words: tuple[str, ...], after: float, draw: random.Random) -> str:
    """Start a command and kill it after some seconds; return how."""
    process = start(desk, words)
    time.sleep(after)
    how = draw.choice(["command", "command", "worker", "SIGTERM"])
    if how == "worker":
        children = [pid for pid in marked() if pid != process.pid]
        for pid in children[:1]:
            os.kill(pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGTERM if how == "SIGTERM" else signal.SIGKILL)
    process.communicate(timeout=120)
    return how


def left(desk: Desk, stamps: set[str]) -> list[str]:
    """Return what a kill may not leave: processes, and a capture that is neither whole nor absent."""
    wrong = []
    end = time.monotonic() + WAIT
    while (alive := marked()) and time.monotonic() < end:
        time.sleep(0.05)
    if alive:
        wrong.append(f"processes {alive} are left")
    if (desk.captures / "ref").exists():
        try:
            if stamp(desk) not in stamps:
                wrong.append("the capture is neither the old one nor the new one")
        except BisectError as error:
            wrong.append(f"the capture is not whole: {error}")
    return wrong


def stamp(desk: Desk) -> str:
    """Return what a capture holds, every tensor of it read."""
    capture = Capture.open(desk.captures / "ref")
    if damage := next(damage_of(capture), None):
        raise CaptureError(damage)
    held = [capture.manifest.targets, sorted(info.hash for info in capture.manifest.tensors.values())]
    return hashlib.blake2b(json.dumps(held).encode(), digest_size=6).hexdigest()


def answer(desk: Desk, name: str) -> str:
    """Run a command to its end; return what it answers."""
    done = desk.bisect(*COMMANDS[name], timeout=300)
    if name == "capture":
        return f"{done.code} {stamp(desk) if done.code == 0 else done.err}"
    report = json.loads(done.out) if done.code in (0, 1, 3) else {"sentence": done.err, "culprits": []}
    return f"{done.code} {report['sentence']} {[c['sites'] for c in report['culprits']]}"


def forget(desk: Desk, name: str, draw: random.Random) -> None:
    """Take away what would leave the next command nothing to do; an old capture stays half of the times."""
    if name == "run":
        shutil.rmtree(desk.captures / "probes", ignore_errors=True)
    elif draw.random() < 0.5:
        shutil.rmtree(desk.captures / "ref", ignore_errors=True)


def main(kills: int = 200, seed: int = 0) -> int:
    """Kill, look, resume; return how many kills left something wrong."""
    draw, faults = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder)).write(port=changed(WRONG))
        undisturbed, seconds = {}, {}
        for name in COMMANDS:
            began = time.monotonic()
            undisturbed[name] = answer(desk, name)
            seconds[name] = time.monotonic() - began
        stamps = {stamp(desk)}
        for name, words in COMMANDS.items():
            ways: Counter[str] = Counter()
            for number in range(kills // 2):
                forget(desk, name, draw)
                ways[killed(desk, words, draw.uniform(0, seconds[name]), draw)] += 1
                wrong = left(desk, stamps)
                again = answer(desk, name)
                wrong += [f"it answers {again} instead of {undisturbed[name]}"] if again != undisturbed[name] else []
                for left_over in desk.leftovers():  # each is counted once
                    wrong.append(f"{left_over} is left")
                    shutil.rmtree(desk.captures / left_over)
                faults += bool(wrong)
                for line in wrong:
                    print(f"{name}, kill {number}: {line}", flush=True)
            print(f"{name}: {kills // 2} kills ({dict(ways)}) within {seconds[name]:.1f} s each", flush=True)
    print(f"{faults} kills left something wrong")
    return faults


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
