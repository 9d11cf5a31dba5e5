"""Workers that are no workers: one that reads its part from a script, and the real one with some of its answers changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bisect_tool.worker import protocol

READY = {
    "event": "ready",
    "protocol": protocol.VERSION,
    "version": "1.0",
    "capabilities": sorted(protocol.CAPABILITIES),
}
SCRIPTED = """\
#!{python}
import json, socket, sys
sock = socket.socket(fileno=int(sys.argv[sys.argv.index("--socket") + 1]))
ready, replies = json.loads({part!r})
def say(message):
    sock.sendall((json.dumps(message) + "\\n").encode())
say(ready)
for line in sock.makefile("r"):
    operation = json.loads(line)["op"]
    if operation == "stop":
        break
    failure = dict(phase=operation, type="ProtocolError", message="unknown operation", where=None, traceback="")
    for message in replies.get(operation, [{{"error": failure}}]):
        say(message)
"""
CHANGED = """\
#!{python}
import importlib, importlib.util, sys
script = sys.argv[2]
del sys.argv[:2]
sys.path.insert(0, script)
spec = importlib.util.spec_from_file_location("start_of_worker", script + "/__main__.py")
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)
start.load_package(script)
serve, operations, protocol = (importlib.import_module(start.NAME + "." + n) for n in ("serve", "operations", "protocol"))
{change}
start.main()
"""


def scripted(folder: Path, ready: Mapping[str, Any], replies: Mapping[str, Sequence[Any]] | None = None) -> str:
    """Return an interpreter that says it is ready in some words, and answers each operation with some messages."""
    return _program(folder, SCRIPTED.format(python=sys.executable, part=json.dumps([ready, replies or {}])))


def changed(folder: Path, change: str) -> str:
    """Return an interpreter whose worker is the real one, after some lines about ``serve``, ``operations``, ``protocol``."""
    return _program(folder, CHANGED.format(python=sys.executable, change=change))


def _program(folder: Path, text: str) -> str:
    path = folder / "worker_of_its_own"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)
