"""Jittor's optimizers: their groups, and the steps that they take."""

from __future__ import annotations

import copy
from typing import Any, Mapping, Sequence

import numpy as np

from ..arrays import Array, trees
from .adapter import Optimizer, Tensor
from .jittor_tensors import detached, from_numpy, is_tensor, sync, to_numpy

BOOKKEEPING = ("n_step", "param_sync_iter", "last_epoch")


def is_optimizer(value: Any) -> bool:
    """Tell whether a value is an optimizer of this framework."""
    import jittor

    return isinstance(value, jittor.optim.Optimizer)


def optimizer_groups(optimizer: Optimizer) -> list[tuple[dict[str, Any], Sequence[Tensor]]]:
    """Return (settings, Vars) for each of an optimizer's parameter groups; a group's own settings win."""
    common = {k: v for k, v in vars(optimizer).items() if not k.startswith("_") and k not in BOOKKEEPING}
    return [
        (
            {k: _number(v) for k, v in dict(common, **group).items() if k not in ("params", "param_groups")},
            group["params"],
        )
        for group in optimizer.param_groups
    ]


def optimizer_state(optimizer: Optimizer) -> Any:
    """Return what an optimizer keeps between steps: all but its Vars' own values."""
    groups = [{k: _held(v) for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    return {k: _held(v) for k, v in vars(optimizer).items() if k != "param_groups"}, groups


def put_optimizer_back(optimizer: Optimizer, state: Any) -> None:
    """Let an optimizer keep what it kept before."""
    own, groups = state
    for key in vars(optimizer).keys() - own.keys() - {"param_groups"}:
        delattr(optimizer, key)
    for key, value in own.items():
        setattr(optimizer, key, _held(value))
    for group, known in zip(optimizer.param_groups, groups):
        for key in group.keys() - known.keys() - {"params"}:
            del group[key]
        group.update({key: _held(value) for key, value in known.items()})


def _held(value: Any) -> Any:
    return trees.map_leaves(value, is_tensor, _copy)


def optimizer_steps(optimizer: Optimizer, gradients: Sequence[Mapping[int, Array]]) -> list[dict[int, Array]]:
    """Return [{id of a Var: its values}] after each step, from a fresh state.

    ``gradients`` holds those of each step, arrays by the Vars' ids. A Var without one gets zeros, as Jittor's own ``backward`` gives it:
    its optimizers leave out only what is stopped, and decay the rest. The steps are taken by a copy of the optimizer
    with copies of the Vars; all that it holds in lists besides is its state, and starts at zero.
    """
    import jittor

    copies = {id(var): _copy(var) for group in optimizer.param_groups for var in group["params"]}
    twin = _twin(optimizer, copies)
    order = jittor.flags.node_order
    try:
        found = []
        for number, of_step in enumerate(gradients, 1):
            twin.n_step = number  # ``backward`` counts, which is not called
            for group, own in zip(twin.param_groups, optimizer.param_groups):
                group["grads"] = [_gradient(var, of_step.get(id(var))) for var in own["params"]]
            twin.step()
            sync([var for _, var in trees.leaves(twin.param_groups, is_tensor)])
            found.append({key: to_numpy(var) for key, var in copies.items()})
        return found
    finally:
        jittor.flags.node_order = order


def _twin(optimizer: Optimizer, copies: Mapping[int, Tensor]) -> Optimizer:
    def fresh(value: Any) -> Any:
        return trees.map_leaves(value, is_tensor, lambda var: copies[id(var)] if id(var) in copies else _zeros(var))

    twin = copy.copy(optimizer)
    for key, value in vars(optimizer).items():
        if key == "param_groups":  # in a group a bare Var is a setting, one in a list is state
            value = [{k: v if is_tensor(v) else fresh(v) for k, v in group.items()} for group in value]
        elif not is_tensor(value):
            value = fresh(value)
        setattr(twin, key, value)
    return twin


def _copy(var: Tensor) -> Tensor:
    new = detached(var)
    return new.stop_grad() if var.is_stop_grad() else new


def _zeros(var: Tensor) -> Tensor:
    return from_numpy(np.zeros(tuple(var.shape), str(var.dtype))).stop_grad()


def _gradient(var: Tensor, array: Array | None) -> Tensor:
    if array is None:
        return _zeros(var)
    return from_numpy(array.astype(str(var.dtype)).reshape(tuple(var.shape))).stop_grad()


def _number(value: Any) -> Any:
    return value.item() if is_tensor(value) and value.numel() == 1 else value
