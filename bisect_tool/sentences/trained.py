"""What is said of a step that trains."""

from __future__ import annotations

NOT_COMPARED = (
    "step itself computes gradients and changes weights by them: the gradients were not compared, "
    "so that a wrong weight may come of a wrong backward pass"
)
