"""How gradients are named: (call, part, path), in messages and in the manifest as "call|part|path".

The part is "output" (the gradient of the output of a call, all of it), "inputs" (what a call contributes to the gradient
of an input), "state" (to that of a parameter) or "value" (of a variable, which then stands in the place of the call).
"""

from __future__ import annotations

from typing import Tuple

Name = Tuple[str, str, str]
STEP = "step"  # what the code of step is called where a call is named
BAR = "|"


def joined(*parts: str) -> str:
    """Return the parts of a name as one word; the first two alone name a statement."""
    return BAR.join(parts)
