"""Call a recipe's ``build`` and check what it returns."""

import hashlib
import importlib.util
import inspect
import os
import sys
import time

import numpy as np

from ..arrays import measure, trees

WORKER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LARGE_FILE = 1 << 20
MOST_FILES = 5000
CODE_AND_SETTINGS = (".py", ".toml", ".yaml", ".yml", ".json", ".cfg", ".ini", ".c", ".cc", ".cpp", ".cu", ".h", ".so")


class RecipeError(Exception):
    """A mistake in the recipe's own code or in what it returns; the message is for the user."""


class Model:
    """A built model: ``roots`` (name to module), ``tree``, ``batch``, ``step`` and its untouched ``own`` state.

    ``optimizer`` is what the recipe trains it with, None where it does not say.
    """

    def __init__(self, adapter, roots, batch, step, optimizer=None):
        self.adapter = adapter
        self.roots = roots
        self.tree = adapter.module_tree(roots)
        self.batch = batch
        self.step = step
        self.optimizer = optimizer
        self.state = {}
        self.state_of = {}  # id of a module -> [(name, tensor)]
        self.alias_of = {}  # a tied tensor's later names -> its first
        self.templates = {}  # site -> its own output with an ``Own`` in place of every tensor
        first = {}
        for name, module, leaf in self.tree:
            for key, tensor, kind, trainable in adapter.own_state(module, leaf):
                full = "%s.%s" % (name, key) if name else key
                self.state[full] = (tensor, kind, trainable)
                self.state_of.setdefault(id(module), []).append((full, tensor))
                if first.setdefault(id(tensor), full) != full:
                    self.alias_of[full] = first[id(tensor)]
        self.own = {name: adapter.to_numpy(tensor) for name, (tensor, _, _) in self.state.items()}

    def fresh_batch(self):
        """Return a copy of the batch: a step may change the one it is given."""
        return trees.map_leaves(self.batch, self.is_array, self.copy)

    def is_array(self, value):
        """Tell whether a part of a batch is a tensor or a numpy array."""
        return self.adapter.is_tensor(value) or isinstance(value, np.ndarray)

    def copy(self, value):
        """Return a copy of a batch's tensor or array."""
        return self.adapter.detached(value) if self.adapter.is_tensor(value) else np.array(value)

    def restore(self):
        """Put the model's own values back: after a run, exactly the state that ``build`` left."""
        for name in self.state:
            self.adapter.write(self.state[name][0], self.own[name])

    def run_step(self, batch, seed=0):
        """Run one step from the fixed random state; return its targets as {name: tensor or number}."""
        self.adapter.seed(seed)
        targets = self.step(batch)
        if not isinstance(targets, dict) or not targets or not all(isinstance(k, str) for k in targets):
            raise RecipeError(
                "step(batch) returned %s, expected a dict of named scalars such as {'cls_loss': ...}" % _say(targets)
            )
        return targets

    def read_targets(self, targets):
        """Return ({name: float}, {name: why it is no scalar})."""
        values, problems = {}, {}
        for name, value in targets.items():
            if self.adapter.is_tensor(value):
                array = self.adapter.to_numpy(value)
                if array.size != 1:
                    problems[name] = "has shape %s, expected a scalar" % list(array.shape)
                    continue
                value = array.reshape(-1)[0]
            try:
                values[name] = float(value)
            except (TypeError, ValueError):
                problems[name] = "is %s, expected a scalar" % _say(value)
        return values, problems


def load_entry(folder, entry):
    """Import ``file.py:function`` from the recipe's folder and return the function."""
    file_name, _, function = entry.partition(":")
    path = os.path.join(folder, file_name)
    name = os.path.splitext(os.path.basename(file_name))[0]
    if name in sys.modules:  # a recipe's bisect.py must not become the one that libraries import
        name = "recipe_" + name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not os.path.isfile(path):
        raise RecipeError("entry %r: there is no file %s in %s" % (entry, file_name, folder))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        raise RecipeError("entry %r: %s has no function %s" % (entry, file_name, function))
    return getattr(module, function)


def accepted_options(function):
    """Return the option names that a ``build`` takes, None when it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters]


def build(adapter, function, options):
    """Call ``build(**options)`` and return a Model. Raises RecipeError naming every mistake at once."""
    accepted = accepted_options(function)
    unknown = [] if accepted is None else [name for name in options if name not in accepted]
    if unknown:
        raise RecipeError(
            "build takes no option %s; it takes %s" % (", ".join(unknown), ", ".join(accepted) or "none at all")
        )
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
    return Model(adapter, built["modules"], built["batch"], built["step"], optimizer)


def _mistakes_in(adapter, built):
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
    optimizer = built.get("optimizer")
    if optimizer is not None and not adapter.is_optimizer(optimizer):
        wrong.append("'optimizer' is %s, expected an optimizer of this framework" % _say(optimizer))
    return wrong


def describe(model, framework, seconds, folders=()):
    """Return names, shapes, settings and statistics of a model as plain data."""
    adapter = model.adapter
    return {
        "framework": framework,
        "version": adapter.version(),
        "python": sys.version.split()[0],
        "seconds": seconds,
        "modules": [
            {
                "name": name,
                "class": adapter.class_name(module),
                "library": adapter.is_library(module),
                "leaf": leaf,
                "training": adapter.training(module),
                "settings": adapter.settings(module),
            }
            for name, module, leaf in model.tree
        ],
        "state": [
            dict(
                name=name,
                kind=kind,
                trainable=trainable,
                shape=list(model.own[name].shape),
                dtype=model.own[name].dtype.name,
                hash=measure.digest(model.own[name]),
                alias_of=model.alias_of.get(name),
                **measure.initial(model.own[name]),
            )
            for name, (_, kind, trainable) in model.state.items()
        ],
        "batch": [
            {"path": path, "shape": list(array.shape), "dtype": array.dtype.name}
            for path, array in batch_arrays(adapter, model.batch)
        ],
        "sources": sources(folders),
    }


def batch_arrays(adapter, batch):
    """Yield (path, array) for every tensor and numpy array of a batch."""
    for path, value in trees.leaves(batch, lambda v: adapter.is_tensor(v) or isinstance(v, np.ndarray)):
        yield path, value if isinstance(value, np.ndarray) else adapter.to_numpy(value)


def sources(folders):
    """Return the digest of the user's code and settings: a probe is only valid for these.

    Every source file that is loaded, and the code and settings in ``folders``, which ``step`` may yet import or
    read; large files by size and time. What else a run writes there changes nothing.
    """
    total = hashlib.blake2b(digest_size=16)
    loaded = {os.path.realpath(getattr(m, "__file__", None) or "") for m in list(sys.modules.values())}
    library = (os.path.realpath(os.path.dirname(os.__file__)), os.path.realpath(WORKER))
    own = {p for p in loaded if p.endswith(".py") and os.path.isfile(p) and not p.startswith(library)}
    for path in sorted({p for p in own if "site-packages" not in p and "/.cache/" not in p} | _files_in(folders)):
        state = os.stat(path)
        total.update(("%s %d\0" % (path, state.st_size)).encode())
        if state.st_size > LARGE_FILE:
            total.update(b"%d" % state.st_mtime_ns)
            continue
        with open(path, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def _files_in(folders):
    found = set()
    for folder in folders:
        for root, inner, files in os.walk(os.path.realpath(folder)):
            inner[:] = sorted(d for d in inner if not d.startswith((".", "__")) and d != "captures")
            found.update(os.path.join(root, f) for f in files if f.endswith(CODE_AND_SETTINGS))
            if len(found) > MOST_FILES:
                return found
    return {path for path in found if os.path.isfile(path)}


def timed(function, *arguments):
    """Return (result, seconds)."""
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def _say(value):
    if isinstance(value, dict) and not value:
        return "an empty dict"
    return "%s %r" % (type(value).__name__, value) if isinstance(value, (int, float, str)) else type(value).__name__
