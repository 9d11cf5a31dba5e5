"""Find the layer or parameter that makes a ported neural network compute a wrong loss, and prove it.

``bisect capture`` records a trusted PyTorch run; ``bisect run`` feeds it into the port until it has found what
makes the loss diverge. The same in Python: open a ``Capture``, hand it with a port to ``bisect``.
"""

from __future__ import annotations

__version__ = "0.1.0"
