"""The serving loop: answer the parent's requests, one after the other, until it says stop."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import Any, Dict, List

from . import operations, protocol, wire
from .adapters.adapter import adapter_of
from .failures import failure


def serve(sock: socket.socket, framework: str, path: List[str]) -> None:
    """Prepare the framework, say that all is ready, then answer requests.

    ``path`` is the recipe's import path. It comes last until the framework is there, then first: a recipe's own
    ``bisect.py`` or ``torch.py`` must not take the place of what the framework imports.
    """
    line = wire.Wire(sock)
    try:
        sys.path += path
        adapter = adapter_of(framework)
        adapter.prepare()
        gc.freeze()  # the framework lives to the end: no collection need go through it again
    except BaseException as error:
        line.send({"event": "ready", "error": failure("import", error)})
        return
    sys.path[:] = path + [entry for entry in sys.path if entry not in path]
    capabilities = sorted(protocol.CAPABILITIES - adapter.LACKS)
    about = {"protocol": protocol.VERSION, "version": adapter.version(), "pid": os.getpid()}
    line.send({"event": "ready", **about, "capabilities": capabilities})
    session = operations.Session(adapter, line, path)
    for request in line.requests():
        line.send(answer(session, request))


def answer(session: operations.Session, request: str) -> Dict[str, Any]:
    """Return the reply to a request; whatever goes wrong is a reply too."""
    operation = None
    try:
        fields = _object(request)
        operation = fields.pop("op", None)
        protocol.check_request(operation, fields)
        answered = operations.OPERATIONS[operation](session, **fields)
    except BaseException as error:  # SystemExit too: a script's own exit is no reason to lose its message
        return {"error": failure(str(operation), session.damage or error)}
    if session.damage is not None:  # the model's own code, or who runs it, may have caught it
        return {"error": failure(str(operation), session.damage)}
    return {"ok": answered}


def _object(request: str) -> Dict[str, Any]:
    fields = json.loads(request)
    if not isinstance(fields, dict):
        raise protocol.ProtocolError("a request is an object with a field op")
    return fields
