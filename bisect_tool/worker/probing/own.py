"""What a model has of its own where the reference's values are put: its containers, its dtypes, its kinds of arrays."""

from __future__ import annotations

from typing import Any, Callable, Tuple

from ..adapters.adapter import Adapter, Tensor
from ..arrays import Array, pairs, trees
from ..model import calls
from ..model.build import Model
from .reference import Reference


class Own:
    """What stands for one of the model's own tensors between runs: its dtype and shape, and its values where they are kept.

    ``kind``: of its numbers, see ``pairs.kind_of``; ``takes``: whether it takes gradients.
    """

    dtype: Any = None  # of the class too: what holds one is opened as what holds an array is, see ``arrays.parts``
    shape: Tuple[int, ...] = ()

    def __init__(
        self, dtype: Any, shape: tuple[int, ...] = (), kind: str = "", takes: bool = False, tensor: Tensor = None
    ) -> None:
        self.dtype = dtype
        self.shape = shape
        self.kind = kind
        self.takes = takes
        self.tensor = tensor


def is_own(value: Any) -> bool:
    """Tell whether a value stands for a tensor."""
    return isinstance(value, Own)


def dtypes(adapter: Adapter, value: Any) -> Any:
    """Return a nested value with the dtype and shape of every tensor in the tensor's place."""

    def described(tensor: Tensor) -> Own:
        shape, kind = tuple(map(int, tensor.shape)), pairs.kind_of(tensor.dtype)
        return Own(adapter.dtype(tensor), shape, kind, adapter.has_path(tensor))

    return trees.map_leaves(value, adapter.is_tensor, described)


def kept(adapter: Adapter, value: Any) -> Any:
    """Return a nested value with a copy of every tensor's values in the tensor's place."""

    def with_values(tensor: Tensor) -> Own:
        return Own(None, takes=adapter.has_path(tensor), tensor=adapter.detached(tensor))

    return trees.map_leaves(value, adapter.is_tensor, with_values)


def recalled(adapter: Adapter, value: Any) -> Any:
    """Return a nested value that was ``kept``."""
    return trees.map_leaves(value, is_own, lambda own: taking(adapter, adapter.detached(own.tensor), own))


def taking(adapter: Adapter, tensor: Tensor, own: Own) -> Tensor:
    """Return a tensor that is put in the place of one of the model's own: it takes gradients where that did."""
    return adapter.taking_gradients(tensor) if own.takes else tensor


def learn_structures(model: Model) -> None:
    """Run once as it is, to see in which containers, dtypes and layouts the model has what it is to be given."""
    adapter = model.adapter

    def around(call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        adapter.sync([tensor for _, tensor in trees.leaves([list(args), kwargs], adapter.is_tensor)])
        output = compute(*args, **kwargs)
        adapter.sync([tensor for _, tensor in trees.leaves(output, adapter.is_tensor)])
        model.templates[call.site] = dtypes(adapter, output)
        return output

    try:
        with calls.wrapped(adapter, model.tree, around):
            model.run_step(model.fresh_batch())
    except Exception:  # what it came to before is known
        return
    finally:
        model.restore()


def written(array: Array, shape: tuple[int, ...], kind: str) -> Array:
    """Return a reference's array as a model writes it that has a tensor of some shape and kind of numbers there.

    Only complex numbers and pairs of real ones are told from each other by that.
    """
    form = pairs.form_of(shape, kind, array.shape, array.dtype.kind)
    return array if form is None else form(array)


def written_at(tensor: Tensor, array: Array) -> Array:
    """Return a reference's array as a model writes it that has this tensor there; see ``written``."""
    return written(array, tuple(map(int, tensor.shape)), pairs.kind_of(tensor.dtype))


def filled(model: Model, reference: Reference, site: str, load: Callable[[str, Own | None], Tensor]) -> Any:
    """Return a recorded output in the containers and dtypes that the model has there, as far as they are known and fit.

    ``load`` makes a tensor of what a key stands for, to be put in the place of the model's own, where that is known.
    """
    tree = reference.sites[site]["output"]
    template = model.templates.get(site)
    found = list(trees.leaves(template, is_own))
    keys = [key for _, key in reference.partners(tree, found) if key is not None]
    if template is None or not len(keys) == len(found) == len(list(trees.keys(tree))):
        return trees.decode(tree, lambda key: load(key, None))
    left = iter(keys)

    def put(own: Own) -> Tensor:
        return taking(model.adapter, model.adapter.cast(load(next(left), own), own.dtype), own)

    return trees.map_leaves(template, is_own, put)


def batch(model: Model, reference: Reference) -> Any:
    """Return the model's batch with the reference's values, each as the kind of array that the model had there."""
    adapter = model.adapter
    keys = dict(trees.keys(reference.batch))
    found = iter([path for path, _ in trees.leaves(model.batch, model.is_array)])

    def replace(value: Any) -> Any:
        path = next(found)
        if path not in keys:
            return model.copy(value)
        array = reference.read(keys[path]).copy()  # the model's own, which its code may write
        array = written_at(value, array)
        if not adapter.is_tensor(value):
            return array
        if not adapter.holds(array):
            return model.copy(value)
        return adapter.cast(adapter.from_numpy(array, like=value), adapter.dtype(value))

    return trees.map_leaves(model.batch, model.is_array, replace)
