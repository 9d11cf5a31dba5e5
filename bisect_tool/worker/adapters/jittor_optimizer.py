"""What the worker needs to know about Jittor's optimizers; ``adapter`` is ``jittor_adapter``."""

import copy

import numpy as np

from ..arrays import trees

BOOKKEEPING = ("n_step", "param_sync_iter", "last_epoch")


def groups(adapter, optimizer):
    """Return (settings, Vars) for each of an optimizer's parameter groups; a group's own settings win."""
    common = {k: v for k, v in vars(optimizer).items() if not k.startswith("_") and k not in BOOKKEEPING}
    return [
        (
            {k: _number(adapter, v) for k, v in dict(common, **group).items() if k not in ("params", "param_groups")},
            group["params"],
        )
        for group in optimizer.param_groups
    ]


def stepped(adapter, optimizer, gradients, count):
    """Return [{id of a Var: its values}] after each of ``count`` steps with the same gradients, from a fresh state.

    ``gradients`` holds arrays by the Vars' ids. A Var without one gets zeros, as Jittor's own ``backward`` gives it:
    its optimizers leave out only what is stopped, and decay the rest. The steps are taken by a copy of the optimizer
    with copies of the Vars; all that it holds in lists besides is its state, and starts at zero.
    """
    import jittor

    originals = {id(var): var for group in optimizer.param_groups for var in group["params"]}
    copies = {key: _copy(adapter, var) for key, var in originals.items()}
    twin = _twin(adapter, optimizer, copies)
    order = jittor.flags.node_order
    try:
        found = []
        for number in range(count):
            twin.n_step = number + 1  # ``backward`` counts, which is not called
            for group, own in zip(twin.param_groups, optimizer.param_groups):
                group["grads"] = [_gradient(adapter, var, gradients.get(id(var))) for var in own["params"]]
            twin.step()
            adapter.sync([var for _, var in trees.leaves(twin.param_groups, adapter.is_tensor)])
            found.append({key: adapter.to_numpy(var) for key, var in copies.items()})
        return found
    finally:
        jittor.flags.node_order = order


def _twin(adapter, optimizer, copies):
    def fresh(var):
        return copies[id(var)] if id(var) in copies else _zeros(adapter, var)

    twin = copy.copy(optimizer)
    for key, value in vars(optimizer).items():
        if key == "param_groups":  # in a group a bare Var is a setting, one in a list is state
            value = [
                {k: v if adapter.is_tensor(v) else _mapped(adapter, v, fresh) for k, v in g.items()} for g in value
            ]
        elif not adapter.is_tensor(value):
            value = _mapped(adapter, value, fresh)
        setattr(twin, key, value)
    return twin


def _mapped(adapter, value, change):
    return trees.map_leaves(value, adapter.is_tensor, change)


def _copy(adapter, var):
    new = adapter.detached(var)
    return new.stop_grad() if var.is_stop_grad() else new


def _zeros(adapter, var):
    return adapter.from_numpy(np.zeros(tuple(var.shape), str(var.dtype))).stop_grad()


def _gradient(adapter, var, array):
    if array is None:
        return _zeros(adapter, var)
    return adapter.from_numpy(array.astype(str(var.dtype)).reshape(tuple(var.shape))).stop_grad()


def _number(adapter, value):
    return value.item() if adapter.is_tensor(value) and value.numel() == 1 else value
