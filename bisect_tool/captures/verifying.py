"""Read all of a capture, to know whether it is what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bisect_tool.captures.reader import Capture
from bisect_tool.errors import CaptureError


def damage_of(capture: Capture, on_tensor: Callable[[int], None] = lambda _done: None) -> Iterator[str]:
    """Read every tensor and yield, in words, which are not as they were recorded; ``on_tensor`` is told how many were read."""
    tensors = capture.manifest.tensors
    for done, key in enumerate(sorted(tensors, key=lambda key: tensors[key].file)):
        on_tensor(done)
        try:
            capture.view(key)
        except CaptureError as error:
            yield str(error)
