"""The worker's end of the wire: one JSON object a line, over a socket of its own."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, Dict, Iterator


class Wire:
    """Read requests and send replies; the model's own prints never pass here.

    Attributes: none that callers may touch. ``event`` is throttled, so that telling the parent
    "still alive" may be called at every layer.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lines = sock.makefile("r", encoding="utf-8", newline="\n")
        self._last_event = 0.0

    def requests(self) -> Iterator[str]:
        """Yield each line that the parent sends, until it closes its end."""
        yield from self._lines

    def send(self, message: Dict[str, Any]) -> None:
        """Send one reply; NaN and infinity travel as the words JSON has for them in Python, half a character as "?"."""
        self._socket.sendall(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    def event(self, kind: str, every: float = 0.2, **fields: Any) -> None:
        """Tell the parent what is going on, at most once in ``every`` seconds."""
        now = time.monotonic()
        if now - self._last_event >= every:
            self._last_event = now
            self.send(dict(fields, event=kind))
