"""Find the layer, parameter or line that makes a ported neural network compute a wrong loss, and prove it.

``bisect capture`` records a trusted PyTorch run; ``bisect run`` feeds it into the port until it has found what
makes the loss diverge. The same in Python, as in a test of your own port::

    from bisect_tool import Capture, bisect, open_port

    capture = Capture.open("captures/mine/ref")
    with open_port("recipes/mine", capture) as port:
        report = bisect(port, capture, target="cls_loss")
    assert report.verdict == "agrees", report.sentence
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bisect_tool.captures.reader import Capture
    from bisect_tool.errors import BisectError, InconclusiveError
    from bisect_tool.opening import open_port
    from bisect_tool.questions.ranges import Tolerance
    from bisect_tool.report.data import Report
    from bisect_tool.report.saved import load_report, save_report
    from bisect_tool.session import bisect

__version__ = "0.1.0"
__all__ = [
    "BisectError", "Capture", "InconclusiveError", "Report", "Tolerance", "bisect", "load_report", "open_port", "save_report",
]  # fmt: skip
# Imported when they are asked for: the command's own first lines come before anything that takes long.
_MODULES = {
    "BisectError": "errors", "Capture": "captures.reader", "InconclusiveError": "errors", "Report": "report.data",
    "Tolerance": "questions.ranges", "bisect": "session", "load_report": "report.saved", "open_port": "opening",
    "save_report": "report.saved",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
