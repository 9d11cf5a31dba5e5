"""What a module's code may read that it is not handed."""

from __future__ import annotations

import types

import pytest
import torch
from torch import nn

from bisect_tool.worker.probing.hidden import may_read_more

HELD = {"mask": torch.ones(2)}
NUMBERS = {"eps": 1e-5}


def helper(x):
    return x + HELD["mask"]


class Plain(nn.Module):
    """Reads its own state, and a number; it may keep something else."""

    def __init__(self, **kept):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.register_buffer("table", torch.ones(2))
        for name, value in kept.items():
            setattr(self, name, value)

    def forward(self, x):
        """Compute."""
        return self.fc(x) * self.table + NUMBERS["eps"]


class Global(Plain):
    """Reads a global."""

    def forward(self, x):
        """Compute."""
        return x + HELD["mask"]


class Called(Plain):
    """Calls what reads a global."""

    def forward(self, x):
        """Compute."""
        return helper(x)


def closed_over(held):
    class Closure(Plain):
        def forward(self, x):
            """Compute."""
            return x + held[0]

    return Closure()


@pytest.mark.parametrize(
    ("module", "more"),
    [
        (Plain(), False),
        (Plain(depth=3, name="a"), False),
        (Plain(mask=torch.ones(2)), True),
        (Plain(context=types.SimpleNamespace(mask=torch.ones(2))), True),
        (Plain(above=[nn.Linear(2, 2)]), True),  # its parameters are nobody's that is asked about
        (Plain(inner=Global()), True),
        (Global(), True),
        (Called(), True),
        (closed_over([torch.ones(2)]), True),
        (closed_over([1.0]), False),
    ],
)
def test_tensors_that_are_neither_handed_nor_state_are_seen(module, more):
    """In a global, a closure, a plain attribute, of the module or one in it, or of a function that it calls."""
    assert may_read_more(module.forward, "forward", torch.is_tensor) is more


def test_a_function_of_no_module_may_read_anything():
    """Nothing is known of it."""
    assert may_read_more(helper, "forward", torch.is_tensor)
