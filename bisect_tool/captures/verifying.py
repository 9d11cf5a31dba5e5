"""Read all of a capture, to know whether it is what was recorded."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from bisect_tool.captures.reader import Capture
from bisect_tool.errors import CaptureError
from bisect_tool.recipes.options import as_words


def damage_of(capture: Capture, on_tensor: Callable[[int], None] = lambda _done: None) -> Iterator[str]:
    """Read every tensor and yield, in words, which are not as they were recorded; ``on_tensor`` is told how many were read."""
    tensors = capture.manifest.tensors
    for done, key in enumerate(sorted(tensors, key=lambda key: tensors[key].file)):
        on_tensor(done)
        try:
            capture.view(key)
        except CaptureError as error:
            yield str(error)


def command_again(capture: Capture) -> str:
    """Return the command that records a capture again."""
    manifest = capture.manifest
    words = ["bisect", "capture", "--recipe", manifest.recipe, "--model", manifest.model]
    for key, value in manifest.model_options.items():
        words += ["--option", f"{key}={value if isinstance(value, str) else as_words(value)}"]
    if manifest.gradients is not None:
        words.append("--grads")
    return shlex.join(words)
