"""Values that are put where the model's own take gradients: code may ask for that, and no gradient passes them."""

from __future__ import annotations

import pytest
import torch

from bisect_tool.worker.adapters import torch_gradients as adapter


def test_a_given_value_takes_gradients_as_one_that_was_computed() -> None:
    """It can be hooked and written into, also where it is given with gradients switched off."""
    with torch.no_grad():
        given = adapter.taking_gradients(torch.ones(3))
    assert (given.requires_grad, given.is_leaf) == (True, False)
    given.register_hook(lambda _gradient: None)
    given.retain_grad()
    assert torch.relu_(given).tolist() == [1, 1, 1]


def test_no_gradient_is_pulled_through_a_given_value() -> None:
    """Not even where code asks for one behind it, and would take none for an answer."""
    weight = torch.ones(3, requires_grad=True)
    given = adapter.taking_gradients(torch.ones(3))
    loss = (weight * given).sum()
    with pytest.raises(RuntimeError, match="through a value that was given"):
        loss.backward(retain_graph=True)
    assert torch.autograd.grad(loss, weight, retain_graph=True)[0].tolist() == [1, 1, 1]
    with adapter.given_pass_none():
        for wanted in (weight, torch.ones(3, requires_grad=True)):
            with pytest.raises(RuntimeError, match="through a value that was given"):
                torch.autograd.grad(loss, wanted, allow_unused=True, retain_graph=True)
        assert torch.autograd.grad((2 * given).sum(), given)[0].tolist() == [2, 2, 2]
        assert torch.autograd.grad((2 * weight).sum(), weight)[0].tolist() == [2, 2, 2]
