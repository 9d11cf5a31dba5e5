"""Call a recipe's ``build`` and check what it returns."""

from __future__ import annotations

import contextlib
import inspect
import time
from typing import Any, Callable, Collection, Iterable, Iterator, Mapping, Sequence, TypeVar

import numpy as np

from ..adapters.adapter import Adapter, Module, Optimizer, Tensor
from ..arrays import Array, trees
from ..failures import RecipeError
from . import calls, held
from .draws import Draws

Result = TypeVar("Result")


class Model:
    """A built model: ``roots`` (name to module), ``tree``, ``batch``, ``step`` and its untouched ``own`` state.

    ``held`` are the roots that ``build`` did not return, see ``beside``.
    ``optimizer`` is what the recipe trains it with, None where it does not say. ``draws`` is what becomes of the random numbers
    that a step draws.
    """

    def __init__(
        self,
        adapter: Adapter,
        roots: Mapping[str, Module],
        batch: Any,
        step: Callable[[Any], Any],
        optimizer: Optimizer = None,
        held: Collection[str] = (),
    ) -> None:
        self.adapter = adapter
        self.roots = roots
        self.held = held
        self.tree = adapter.module_tree(roots)
        _check_names([name for name, _, _ in self.tree])
        self.batch = batch
        self.step = step
        self.optimizer = optimizer
        self.draws = Draws(adapter)
        self.state: dict[str, tuple[Tensor, str, bool]] = {}  # tensor, kind, trainable
        self.owner: dict[str, tuple[Module, str]] = {}  # the module that holds it, and by which key
        self.state_of: dict[int, list[tuple[str, Tensor]]] = {}  # id of a module -> [(name, tensor)]
        self.alias_of: dict[str, str] = {}  # a tied tensor's later names -> its first
        self.lying: dict[int, set[str]] = {}  # id of a module -> the first names of all tensors in it
        self.near: dict[int, list[Module]] = {}  # id of a module -> those whose attributes its code may assign
        self.templates: dict[str, Any] = {}  # site -> its own output with an ``Own`` in place of every tensor
        first: dict[int, str] = {}
        named = {name: module for name, module, _ in reversed(self.tree)}
        for name, module, _ in self.tree:
            around = [id(named[one]) for one in _enclosing(name) if one in named]
            for key, tensor, kind, trainable in adapter.own_state(module):
                full = "%s.%s" % (name, key) if name else key
                self.state[full] = (tensor, kind, trainable)
                self.owner[full] = (module, key)
                self.state_of.setdefault(id(module), []).append((full, tensor))
                if first.setdefault(id(tensor), full) != full:
                    self.alias_of[full] = first[id(tensor)]
                for one in around:
                    self.lying.setdefault(one, set()).add(first[id(tensor)])
        self.own = {name: adapter.to_numpy(tensor) for name, (tensor, _, _) in self.state.items()}
        self.kept = {name: adapter.kept(tensor) for name, (tensor, _, _) in self.state.items()}
        self._optimizer_state = None if optimizer is None else adapter.optimizer_state(optimizer)

    def beside(self, modules: Mapping[str, Module]) -> Model:
        """Return the model with more modules, which something else than a module holds."""
        roots = {**self.roots, **modules}
        return Model(self.adapter, roots, self.batch, self.step, self.optimizer, [*modules])

    def fresh_batch(self) -> Any:
        """Return a copy of the batch: a step may change the one it is given."""
        return trees.map_leaves(self.batch, self.is_array, self.copy)

    def is_array(self, value: Any) -> bool:
        """Tell whether a part of a batch is a tensor or a numpy array."""
        return self.adapter.is_tensor(value) or isinstance(value, np.ndarray)

    def copy(self, value: Any) -> Any:
        """Return a copy of a batch's tensor or array."""
        return self.adapter.detached(value) if self.adapter.is_tensor(value) else np.array(value)

    def restore(self) -> None:
        """Put the model's own values back: after a run, exactly the state that ``build`` left.

        Code may assign another tensor, which is no longer the one that is written into here, or give this one other memory.
        Raises RecipeError where that cannot be undone.
        """
        for name, (tensor, _, _) in self.state.items():
            module, key = self.owner[name]
            if self.adapter.held(module, key) is not tensor:
                self.adapter.hold(module, key, tensor)
            try:
                self.adapter.put_back(tensor, self.kept[name], self.own[name])
            except (ValueError, RuntimeError) as error:
                raise RecipeError(
                    "step changes %s, and what build left in it cannot be put back after a run: %s" % (name, error)
                ) from error
        if self.optimizer is not None:
            self.adapter.put_optimizer_back(self.optimizer, self._optimizer_state)

    @contextlib.contextmanager
    def holding(self, values: Mapping[str, Array]) -> Iterator[list[str]]:
        """Let the model's own state be another one while the block runs; yields the names whose values it changes.

        Tensors that share memory all change with one of them.
        """
        own = self.own
        try:
            for name, array in values.items():
                self.adapter.write(self.state[name][0], array)
            held = {name: self.adapter.to_numpy(tensor) for name, (tensor, _, _) in self.state.items()}
            changed = [name for name in held if held[name].tobytes() != own[name].tobytes()]
            self.own = {**own, **{name: held[name] for name in changed}}
            yield changed
        finally:
            self.own = own
            self.restore()

    def run_step(self, batch: Any, seed: int = 0) -> dict[str, Any]:
        """Run one step from the fixed random state; return its targets as {name: tensor or number}."""
        self.adapter.seed(seed)
        with calls.named(self.adapter, self.tree) if self.draws.gives else contextlib.nullcontext(), self.draws.seen():
            targets = self.step(batch)
        if not isinstance(targets, dict) or not targets or not all(isinstance(k, str) for k in targets):
            raise RecipeError(
                "step(batch) returned %s, expected a dict of named scalars such as {'cls_loss': ...}"
                % _say_targets(targets)
            )
        return targets

    def read_targets(self, targets: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
        """Return ({name: float}, {name: why it is no scalar})."""
        values: dict[str, float] = {}
        problems: dict[str, str] = {}
        check_names(targets, "step returned the target")
        for name, value in targets.items():
            if self.adapter.is_tensor(value):
                array = self.adapter.to_numpy(value)
                if array.size != 1:
                    problems[name] = "has shape %s, expected a scalar" % list(array.shape)
                    continue
                value = array.reshape(-1)[0].item()  # a complex number is no scalar to judge, and is told so
            try:
                values[name] = float(value)
            except (TypeError, ValueError):
                problems[name] = "is %s, expected a scalar" % _say(value)
        return values, problems


def check_names(names: Iterable[Any], what: str) -> None:
    """Raise RecipeError for a name with half a character in it, as undecodable bytes become: no file and no terminal takes it."""
    for name in names:
        try:
            str(name).encode("utf-8")
        except UnicodeEncodeError:
            raise RecipeError("%s %a, which is no text: it has half a character in it" % (what, name)) from None


def accepted_options(function: Callable[..., Any]) -> list[str] | None:
    """Return the option names that a ``build`` takes, None when it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters]


def build(
    adapter: Adapter, function: Callable[..., Any], options: Mapping[str, Any], called: Collection[str] | None = None
) -> Model:
    """Call ``build(**options)`` and return a Model. Raises RecipeError naming every mistake at once.

    Modules that ``step`` calls and ``build`` does not return are part of it, see ``held``. Which ones, a run of ``step`` tells where
    ``called`` does not, which has their names in a model built before.
    """
    _check_options(accepted_options(function), options)
    adapter.seed(0)
    built = function(**options)
    if not isinstance(built, dict):
        raise RecipeError("build returned %s, expected a dict with 'modules', 'batch' and 'step'" % _say(built))
    wrong = _mistakes_in(adapter, built)
    if wrong:
        raise RecipeError("build returned the wrong thing: " + "; ".join(wrong))
    optimizer = built.get("optimizer")
    if optimizer is not None:  # what it starts with would else be computed, and compiled, in the middle of a probe
        adapter.sync([tensor for _, tensor in trees.leaves(vars(optimizer), adapter.is_tensor)])
    return _with_held(Model(adapter, built["modules"], built["batch"], built["step"], optimizer), called)


def _with_held(model: Model, called: Collection[str] | None) -> Model:
    others = held.found(model.adapter, model.step, model.tree)
    if not others.modules:
        return model
    known = held.called(model.beside(others.modules), others) if called is None else called
    return model.beside({name: module for name, module in others.modules.items() if name in known})


def _enclosing(name: str) -> list[str]:
    """Return a module's name and those of all around it: ``a.b`` gives ``a.b``, ``a`` and the empty one."""
    parts = name.split(".") if name else []
    return [".".join(parts[:end]) for end in range(len(parts), -1, -1)]


def _check_names(modules: Sequence[str]) -> None:
    """Raise RecipeError for names that would be read as another's: as the number of a call, a variable, or a part of one."""
    check_names(modules, "the name of a module is")
    wrong = [name for name in modules if any(mark in name for mark in "#:|")]
    if wrong:
        raise RecipeError("the name of a module may have no '#', ':' or '|': %s" % ", ".join(map(repr, wrong)))


def _check_options(accepted: list[str] | None, options: Mapping[str, Any]) -> None:
    if accepted is None:
        return
    unknown = [name for name in options if name not in accepted]
    if unknown:
        takes = ", ".join(accepted) or "none at all"
        raise RecipeError("build takes no option %s; it takes %s" % (", ".join(unknown), takes))


def _mistakes_in(adapter: Adapter, built: Mapping[str, Any]) -> list[str]:
    wrong = ["%r is missing" % key for key in ("modules", "batch", "step") if key not in built]
    modules = built.get("modules", {})
    if not isinstance(modules, dict) or ("modules" in built and not modules):
        wrong.append("'modules' is %s, expected a dict of named modules" % _say(modules))
    else:
        for name, module in modules.items():
            if not isinstance(name, str):
                wrong.append("modules[%r] has a name that is %s, expected a word" % (name, _say(name)))
            elif not adapter.is_module(module):
                wrong.append("modules[%r] is %s, expected a module of this framework" % (name, _say(module)))
    if not callable(built.get("step", build)):
        wrong.append("'step' is %s, expected a function" % _say(built["step"]))
    for path, kind in _gone_through_once(adapter, built.get("batch")):
        wrong.append(
            "'batch'%s is a %s, which can be gone through once, and every run needs it whole: return list(...) of it"
            % (" at %r" % path if path else "", kind)
        )
    optimizer = built.get("optimizer")
    if optimizer is not None and not adapter.is_optimizer(optimizer):
        wrong.append("'optimizer' is %s, expected an optimizer of this framework" % _say(optimizer))
    return wrong


def _gone_through_once(adapter: Adapter, batch: Any) -> list[tuple[str, str]]:
    """Return the path and the class of every generator, or other iterator, in a batch."""
    found = trees.leaves(batch, lambda value: not adapter.is_tensor(value) and hasattr(type(value), "__next__"))
    return [(path, type(value).__name__) for path, value in found]


def timed(function: Callable[..., Result], *arguments: Any) -> tuple[Result, float]:
    """Return (result, seconds)."""
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def _say_targets(targets: Any) -> str:
    keys = [key for key in targets if not isinstance(key, str)] if isinstance(targets, dict) else []
    return "a dict with the key %r, which is no string" % keys[0] if keys else _say(targets)


def _say(value: Any) -> str:
    if isinstance(value, dict) and not value:
        return "an empty dict"
    return "%s %r" % (type(value).__name__, value) if isinstance(value, (int, float, str)) else type(value).__name__
