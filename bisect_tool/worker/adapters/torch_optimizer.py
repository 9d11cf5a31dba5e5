"""What the worker needs to know about PyTorch's optimizers; ``adapter`` is ``torch_adapter``."""

from collections import defaultdict


def groups(adapter, optimizer):
    """Return (settings, tensors) for each of an optimizer's parameter groups."""
    return [
        ({k: v.item() if _scalar(adapter, v) else v for k, v in group.items() if k != "params"}, group["params"])
        for group in optimizer.param_groups
    ]


def stepped(adapter, optimizer, gradients, count):
    """Return [{id of a tensor: its values}] after each of ``count`` steps with the same gradients, from a fresh state.

    ``gradients`` holds arrays by the tensors' ids; a tensor without one has no gradient, and no step is taken for it.
    The tensors, their gradients, the groups and the optimizer's state are afterwards as they were before.
    """
    tensors = {id(tensor): tensor for group in optimizer.param_groups for tensor in group["params"]}
    before = {key: (adapter.to_numpy(tensor), tensor.grad) for key, tensor in tensors.items()}
    settings, state = [dict(group) for group in optimizer.param_groups], optimizer.state
    optimizer.state = defaultdict(dict)
    try:
        found = []
        for _ in range(count):
            for key, tensor in tensors.items():  # anew at each step, which may write into them
                given = gradients.get(key)
                tensor.grad = None if given is None else adapter.from_numpy(given, like=tensor).to(tensor.dtype)
            optimizer.step()
            found.append({key: adapter.to_numpy(tensor) for key, tensor in tensors.items()})
        return found
    finally:
        optimizer.state = state
        for group, was in zip(optimizer.param_groups, settings):
            group.clear()
            group.update(was)
        for key, (values, gradient) in before.items():
            adapter.write(tensors[key], values)
            tensors[key].grad = gradient


def _scalar(adapter, value):
    return adapter.is_tensor(value) and value.numel() == 1
