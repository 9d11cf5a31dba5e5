"""Record the gradients of a run: of every parameter, at every call's output, and what each call contributes to them.

Then what honest rounding does to each of them: runs in which every layer's gradient is off by ``ROUNDING``, and the
pieces of the backward pass (see ``pullback``) once more in float64 and from values that are off by as much.
"""

import numpy as np

from ..arrays import measure, trees
from ..arrays.measure import DRAWS, LOSS_ROUNDING, ROUNDING
from ..code import variables
from ..model import build, calls, optimizer
from ..probing import pullback, statements

STEP_SIZE = 1e-4  # of the step after which it is looked again who has a gradient
TOTALS = ("loss", "total_loss")  # what a target is called that is the whole of them


def chosen(model, given):
    """Return the targets whose sum is differentiated: the one given, a total loss, or all tensors that ``step`` returns.

    Raises RecipeError where the given one is not there, or none is a tensor.
    """
    targets = model.run_step(model.fresh_batch())
    model.restore()
    if given is not None and given not in targets:
        raise build.RecipeError("no target %r to take gradients of: step returned %s" % (given, ", ".join(targets)))
    tensors = [name for name in targets if model.adapter.is_tensor(targets[name]) and given in (None, name)]
    if not tensors:
        raise build.RecipeError(
            "step returns plain numbers for %s: gradients need the tensors" % (given or ", ".join(targets))
        )
    return next(([name] for name in TOTALS if name in tensors), tensors)


def record(model, recorder, lines, plain, given, wire, folder, batch):
    """Return what the manifest says of gradients; ``plain`` are the bits of the recorded run's targets."""
    of = [name for name in chosen(model, given) if name in plain[0]]
    names = [name for name, (_, _, trainable) in model.state.items() if trainable and name not in model.alias_of]
    whole, sites, connected = _whole(model, recorder, lines, of, names, plain)
    noise = _noise(model, recorder, of, names, whole, wire)
    reference = recorder.reference(folder, batch)
    reference.gradients = {"of": of, "sites": sites, "off": []}
    watch = [entry["site"] for entry in recorder.sites if entry["site"] in sites]
    recorder.store.flush()
    base = Recording(model, reference, wire, {}, patch=(), watch=watch, exact=watch, store=recorder.store)
    wire.event("gradients", every=0.0, done=0, of=4)
    base.run()
    floors = dict(base.floors)
    recorder.store.flush()
    for draw in (1, 2):
        wire.event("gradients", every=0.0, done=draw, of=4)
        other = Disturbed(model, reference, wire, {}, patch=(), watch=watch, draw=draw)
        other.run()
        for name, size in other.floors.items():
            floors[name] = max(floors.get(name, 0.0), size)
    wire.event("gradients", every=0.0, done=3, of=4)
    by_line = statements.Statements(
        model, reference, wire, {}, patch=(), watch=watch, lines=lines, named=connected, excerpts=recorder.excerpts
    )
    by_line.run()
    return {
        "of": of,
        "off": reference.gradients["off"],
        "statements": by_line.edges,
        "variables": _by_site({name: recorder.store.add(array) for name, array in by_line.gradients.items()}),
        "connected": connected,
        "places": by_line.places,
        "parameters": {n: None if a is None else recorder.store.add(a) for n, a in whole.items()},
        "noise": noise,
        "later": _later(model, of, whole),
        "optimizer": _steps(model, recorder.store, whole),
        "sites": {
            site: {
                part: {path: [key, floors.get((site, part, path), 0.0)] for path, key in found[part].items()}
                for part in ("inputs", "output", "state")
            }
            for site, found in sites.items()
        },
    }


def _by_site(gradients):
    found = {}
    for (site, _, path), key in gradients.items():
        found.setdefault(site, {})[path] = key
    return found


def _whole(model, recorder, lines, of, names, plain):
    """Run once with a backward pass; return ({parameter: gradient}, {call: its gradients}, {variable: whether one passes it})."""
    adapter = model.adapter
    entries = {entry["site"]: entry for entry in recorder.sites}
    sites = {}
    handed = {}  # id -> what a call was given, or gave

    def around(call, compute, args, kwargs):
        output = compute(*args, **kwargs)
        entry = entries.get(call.site)
        if entry is None:
            return output
        mine = sites[call.site] = {"inputs": {}, "output": {}, "state": {}}
        handed.update((id(tensor), tensor) for _, tensor in trees.leaves([args, kwargs], adapter.is_tensor))

        def noting(tensor, path):
            mine["output"][path] = None
            # What is handed on as it came has a gradient of its own from here on.
            tensor = adapter.distinct(tensor) if id(tensor) in handed else tensor
            handed[id(tensor)] = tensor

            def note(gradient):
                mine["output"][path] = recorder.store.add(adapter.to_numpy(gradient))

            return adapter.noting(tensor, note)

        paths = iter([path for path, _ in trees.leaves(output, adapter.is_tensor)])
        output = trees.map_leaves(output, adapter.is_tensor, lambda tensor: noting(tensor, next(paths)))
        adapter.sync([tensor for _, tensor in trees.leaves(output, adapter.is_tensor)])
        return output

    connected = {}

    def assigned(site, _place, _where, value):
        tensors = [(path, part) for path, part in variables.parts(adapter, value) if adapter.is_tensor(part)]
        adapter.sync([tensor for _, tensor in tensors])
        if tensors:
            connected[site] = {path: adapter.has_path(tensor) for path, tensor in tensors}
        return value

    with calls.wrapped(adapter, model.tree, around, lambda current: lines.watching(current, assigned)):
        targets = model.run_step(model.fresh_batch())
        if bits(model.read_targets(targets)) != plain:
            raise build.RecipeError(
                "a run with gradients gave other targets than the one without: step must not look at it"
            )
        arrays = pulled(model, targets, of, names)
    model.restore()
    return dict(zip(names, arrays)), sites, connected


def pulled(model, targets, of, names):
    """Return the gradients of the sum of some targets. Raises RecipeError where none of them has a path to a parameter."""
    roots = [(targets[name], pullback.of_one(targets[name])) for name in of if model.adapter.is_tensor(targets[name])]
    try:
        arrays = model.adapter.pull(roots, [model.state[name][0] for name in names])
    except RuntimeError as error:
        why = str(error).strip().splitlines()[0][:300]
        hint = " (switch gradient checkpointing off in build)" if "heckpoint" in type(error).__name__ + why else ""
        raise build.RecipeError("the backward pass of %s fails: %s%s" % (" + ".join(of), why, hint)) from error
    if all(array is None for array in arrays):
        raise build.RecipeError(
            "no parameter has a gradient of %s: step must return tensors that were not detached" % " + ".join(of)
        )
    return arrays


def bits(read):
    """Return targets as their exact values."""
    values, problems = read
    return {name: float(value).hex() for name, value in values.items()}, problems


def _noise(model, recorder, of, names, whole, wire):
    """Return how far each parameter's gradient (rms), and the norm of all, move when every layer's gradient is rounded badly.

    And when what goes into the loss is off by ``LOSS_ROUNDING``: where a maximum or a clamp lies at its edge, that decides.
    """
    adapter = model.adapter
    moved = dict.fromkeys(names, 0.0)
    norm, norms = norm_of(whole.values()), 0.0
    for draw in range(DRAWS):
        number = [0]

        def around(call, compute, args, kwargs, draw=draw, number=number):
            wire.event("noise", done=draw, of=DRAWS)
            output = compute(*args, **kwargs)
            number[0] += 1
            seed = 1000003 * draw + number[0]

            def note(gradient):
                return adapter.perturb(gradient, ROUNDING, seed)

            def rounded(tensor):
                off = adapter.to_numpy(adapter.perturb(tensor, LOSS_ROUNDING, seed))
                return adapter.through(tensor, off) if off.dtype.kind == "f" else tensor

            if call.leaf:
                output = trees.map_leaves(output, adapter.is_tensor, lambda tensor: adapter.noting(tensor, note))
            return output if call.parent else trees.map_leaves(output, adapter.is_tensor, rounded)

        with calls.wrapped(adapter, model.tree, around):
            targets = model.run_step(model.fresh_batch())
            arrays = pulled(model, targets, of, names)
        model.restore()
        norms = max(norms, abs(norm_of(arrays) - norm))
        for name, array in zip(names, arrays):
            if array is not None and whole[name] is not None:
                moved[name] = max(moved[name], measure.rms(array.astype(np.float64) - whole[name]))
    return {"parameters": moved, "norm": norms}


def _steps(model, store, whole):
    """Return the optimizer's groups, and every parameter after each step that it takes with the recorded gradients."""
    if model.optimizer is None:
        return None
    try:
        after = optimizer.steps(model, {name: array for name, array in whole.items() if array is not None})
    except TypeError:  # one that asks for a closure (LBFGS): what it would evaluate is not known here
        return None
    finally:
        model.restore()
    return {
        "groups": optimizer.describe(model),
        "after": {name: [store.add(array) for array in arrays] for name, arrays in after.items()},
    }


def _later(model, of, whole):
    """Return how many parameters have a gradient that is not zero after one small step against the recorded ones."""
    for name, array in whole.items():
        if array is not None:
            model.adapter.write(
                model.state[name][0], (model.own[name] - STEP_SIZE * array).astype(model.own[name].dtype)
            )
    arrays = pulled(model, model.run_step(model.fresh_batch()), of, list(whole))
    model.restore()
    return sum(1 for array in arrays if array is not None and bool(array.any()))


def norm_of(arrays):
    """Return the norm of all gradients together."""
    return float(np.sqrt(sum(float(np.sum(array.astype(np.float64) ** 2)) for array in arrays if array is not None)))


class Recording(pullback.Pullback):
    """The pieces of the reference's own backward pass: what each call contributes is recorded, and how it rounds.

    ``floors``: by name, the rms by which float32 is off from float64; and by which the gradient of an output, put
    together from pieces, is off from the real one.
    """

    def __init__(self, *args, store, **how):
        super().__init__(*args, **how)
        self.floors = {}
        self._store = store

    def _gradient(self, name):
        key = self.reference.gradient_key(name)
        return None if key is None else self._store.read(key)

    def _switched_off(self, site):
        self.reference.gradients["off"].append(site)

    def _settle(self, name, array, exact):
        site, part, path = name
        mine = self.reference.gradients["sites"].setdefault(site, {"inputs": {}, "output": {}, "state": {}})
        if exact or part == "output":
            # Where the pieces do not give what the run gave, this much is not known of the gradient.
            off = measure.pulled_apart(array, self._gradient(name)).get("apart", float("inf"))
            self.floors[name] = max(self.floors.get(name, 0.0), off)
        else:
            mine[part][path] = None if array is None else self._store.add(array)


class Disturbed(pullback.Pullback):
    """The same pieces from values and gradients that are off by ``ROUNDING``; ``floors``: by how much (rms) each result moves."""

    def __init__(self, *args, draw, **how):
        super().__init__(*args, **how)
        self.floors = {}
        self._draws = np.random.default_rng(draw)

    def _off(self, array):
        if array is None or array.dtype.kind != "f":
            return array
        return (array * (1 + ROUNDING * self._draws.standard_normal(array.shape))).astype(array.dtype)

    def _values(self, key, like):
        """Return values that are off; those that are equal stay equal: which of them a maximum takes is no rounding."""
        array = super()._values(key, like)
        if array is None or array.dtype != np.float32:
            return array
        bits = np.ascontiguousarray(array).view(np.uint32) * np.uint32(2654435761)  # Knuth's multiplicative hash
        return (array * (1 + ROUNDING * (bits.astype(np.float64) / 2**31 - 1) * 3**0.5)).astype(array.dtype)

    def _gradient(self, name):
        return self._off(super()._gradient(name))

    def _settle(self, name, array, _exact):
        known = super()._gradient(name)
        if array is not None and known is not None:
            self.floors[name] = measure.rms(array.astype(np.float64) - known)
