"""Run a port under an intervention: put the reference's values at some sites, and say what was consumed."""

import time

from ..arrays import measure, trees
from ..code import variables
from ..model import calls


class Own:
    """What stands for one of the model's own tensors between runs: its dtype, and its values where they are kept."""

    def __init__(self, dtype, tensor=None):
        self.dtype = dtype
        self.tensor = tensor


def is_own(value):
    """Tell whether a value stands for a tensor."""
    return isinstance(value, Own)


class Probe:
    """One run under an intervention; every field of its ``reading`` comes from this one run."""

    def __init__(
        self,
        model,
        reference,
        wire,
        memory,
        patch,
        watch=(),
        keep=(),
        feed=(),
        exact=(),
        hand=(),
        disturb=(),
        echo=False,
        remember=(),
        variables=False,
        lines=None,
        on_assigned=lambda *_: None,
        on_caught=lambda *_: None,
    ):
        self.model = model
        self.lines = lines
        self.variables = variables  # whether variables are sites in this run
        self.on_assigned = on_assigned  # who looks at them beside the reading, and at the exceptions; see ``survey``
        self.on_caught = on_caught
        self.adapter = model.adapter
        self.reference = reference
        self.wire = wire
        self.sites = {site for site in patch if site in reference.sites}
        self.state = {name for name in patch if name in model.state}
        self.watch = set(watch)
        self.exact = set(exact)
        self.hand = set(hand)
        self.disturb = dict(disturb)
        self.handed = {}  # site -> the port's own (path, array) pairs of inputs and output, where they are to be handed over
        self.doubled = False  # while a call is computed once more in float64, on the side
        self.echo = echo
        self.memory = memory  # site -> (value with an Own for every tensor, what was called inside)
        self.keep = set(keep)
        self.feed = set(feed)
        self.remember = set(remember)
        self.receipts = {}
        self.standing = {}
        self.dtypes = {}
        self.watched = {}
        self.calls = []
        self.counts = {}
        unknown = (set(patch) - self.sites - self.state) | (self.keep - set(memory))
        if unknown:
            raise ValueError("no such site in the port: %s" % ", ".join(sorted(unknown)))

    def run(self):
        """Return the reading: targets, receipts, watched differences, calls, new kernels and seconds."""
        before = self.adapter.kernels()
        start = time.perf_counter()
        try:
            for name in self.state:
                array = self.reference.read(self.reference.state[name])
                self.dtypes[name] = array.dtype
                self.adapter.write(self.model.state[name][0], array)
            batch = self._batch()
            lines = self._watching if self.variables else None
            with calls.wrapped(self.adapter, self.model.tree, self._around, lines) as self.counts:
                targets = self.model.run_step(batch)
                values, problems = self.model.read_targets(targets)
                pulled = self._pulled(targets)
            for name in self.state - set(self.receipts):
                self.standing[name] = self._receipt(self.model.state[name][0], self.dtypes[name])
        finally:
            self.model.restore()
        after = self.adapter.kernels()
        return {
            "targets": values,
            "not_scalar": problems,
            "receipts": self.receipts,
            "standing": self.standing,
            "read": self.reference.first_read(),
            "watched": self.watched,
            "calls": self.calls,
            "kernels": None if before is None else after - before,
            "seconds": time.perf_counter() - start,
            **pulled,
        }

    def _pulled(self, _targets):
        """Return what the reading says of gradients: nothing in a run without a backward pass."""
        return {}

    def _around(self, call, compute, args, kwargs):
        if self.doubled:
            return self._recomputed(call.site, compute, args, kwargs)
        self.wire.event("running", site=call.site)
        entry = self.reference.sites.get(call.site)
        watched = call.site in self.watch and entry is not None
        self._arrived(call, args, kwargs, entry if watched else None)
        if call.site in self.keep:
            return self._recall(call.site)
        if call.site in self.sites and not watched:
            self._count(entry["inside"])
            return self._substitute(call.site)
        if call.site in self.feed:
            args, kwargs = trees.decode(entry["inputs"], lambda key: self._tensor(self.reference.read(key)))
        output = self._compute(call, compute, args, kwargs, entry if watched else None)
        if call.site in self.sites:
            return self._substitute(call.site)
        return trees.map_leaves(output, self.adapter.is_tensor, self.adapter.clone) if self.echo else output

    def _watching(self, current):
        def assigned(site, place, where, value):
            if self.doubled:
                return value
            # Also where nobody looks: who does changes no digit.
            parts = variables.settled_parts(self.adapter, value)
            self.on_assigned(site, place.kind, current(), where, parts)
            if site in self.watch:
                tree = self.reference.sites[site]["output"]
                rows = variables.differences(self.adapter, self.reference, tree, parts, value)
                self.watched[site] = {"inputs": [], "output": rows}
            if site in self.hand:
                arrays = [(path, variables.to_array(self.adapter, part)) for path, part in parts]
                self.handed[site] = {"inputs": [], "output": arrays}
            return self._replaced(site, parts, value) if site in self.sites and place.replaceable else value

        return self.lines.watching(current, assigned, self.on_caught)

    def _replaced(self, site, parts, value):
        tree = self.reference.sites[site]["output"]
        new, digests = variables.replaced(self.adapter, self.reference, tree, parts, value)
        if digests is not None:
            self.receipts[site] = digests
        return new

    def _arrived(self, call, args, kwargs, entry):
        self.adapter.sync([t for _, t in trees.leaves([args, kwargs], self.adapter.is_tensor)])
        if entry is not None:
            self.watched[call.site] = {"inputs": self._differences(entry["inputs"], [list(args), kwargs])}
        if call.site in self.hand:
            self.handed[call.site] = {"inputs": self._arrays([list(args), kwargs])}
        self._sign(call.module)

    def _compute(self, call, compute, args, kwargs, entry):
        exact = call.site in self.exact and entry is not None
        before = dict(self.counts) if exact or call.site in self.remember else {}
        # Before the call, which may write into what it is given.
        doubled = trees.map_leaves([args, kwargs], self.adapter.is_tensor, self.adapter.doubled) if exact else None
        output = compute(*args, **kwargs)
        if call.site in self.disturb:
            size = self.disturb[call.site]
            output = trees.map_leaves(output, self.adapter.is_tensor, lambda t: self.adapter.perturb(t, size, 0))
        self._learn(call.site, output)
        self._computed(call.site, output, entry)
        if exact:
            self.watched[call.site]["exact"] = self._exactly(call, entry, compute, doubled, before)
        if call.site in self.remember:
            self._keep(call.site, output, before)
        return output

    def _arrays(self, value):
        return [(path, self.adapter.to_numpy(t)) for path, t in trees.leaves(value, self.adapter.is_tensor)]

    def _computed(self, site, output, entry):
        outputs = list(trees.leaves(output, self.adapter.is_tensor))
        self.adapter.sync([tensor for _, tensor in outputs])
        self.calls.append([site, [[path, list(tensor.shape)] for path, tensor in outputs]])
        if entry is not None:
            self.watched[site]["output"] = self._differences(entry["output"], output)
        if site in self.handed:
            self.handed[site]["output"] = self._arrays(output)

    def _keep(self, site, output, before):
        inside = {name: number - before.get(name, 0) for name, number in self.counts.items()}
        self.memory[site] = (
            trees.map_leaves(output, self.adapter.is_tensor, lambda t: Own(None, self.adapter.detached(t))),
            {name: number for name, number in inside.items() if number},
        )

    def _exactly(self, call, entry, compute, given, before):
        """Compute a call once more, in float64, and compare; None where its code does not run in float64."""
        counts = dict(self.counts)
        self._set_counts(before)  # the calls inside get the numbers that they had
        self.doubled = True
        try:
            with self.adapter.in_float64(call.module):
                output = compute(*given[0], **given[1])
                self.adapter.sync([tensor for _, tensor in trees.leaves(output, self.adapter.is_tensor)])
                return self._differences(entry["output"], output)
        except Exception:
            return None
        finally:
            self.doubled = False
            self._set_counts(counts)

    def _recomputed(self, site, compute, args, kwargs):
        seen = self.watched.get(site)
        if seen is not None and any(row.get("error") for row in seen["inputs"]):
            seen["exact_inputs"] = self._differences(self.reference.sites[site]["inputs"], [list(args), kwargs])
        if site not in self.sites:
            return compute(*args, **kwargs)
        self._count(self.reference.sites[site]["inside"])
        return trees.map_leaves(self._substitute(site), self.adapter.is_tensor, self.adapter.doubled)

    def _set_counts(self, counts):
        self.counts.clear()
        self.counts.update(counts)

    def _sign(self, module):
        for name, tensor in self.model.state_of.get(id(module), ()):
            if name in self.state and name not in self.receipts:
                self.receipts[name] = self._receipt(tensor, self.dtypes[name])

    def _learn(self, site, output):
        # A value of the reference is put into the port's own containers, in the dtype that the port had there.
        if site in self.reference.sites and site not in self.model.templates:
            self.model.templates[site] = trees.map_leaves(
                output, self.adapter.is_tensor, lambda t: Own(self.adapter.dtype(t))
            )

    def _recall(self, site):
        value, inside = self.memory[site]
        self._count(inside)
        return trees.map_leaves(value, is_own, lambda own: self.adapter.detached(own.tensor))

    def _count(self, inside):
        for module, number in inside.items():
            self.counts[module] = self.counts.get(module, 0) + number

    def _substitute(self, site):
        digests = []

        def load(key):
            array = self.reference.read(key)
            tensor = self._tensor(array)
            digests.append(self._receipt(tensor, array.dtype))
            return tensor

        tree = self.reference.sites[site]["output"]
        template = self.model.templates.get(site)
        keys = dict(trees.keys(tree))
        paths = [path for path, _ in trees.leaves(template, is_own)]
        if template is not None and len(paths) == len(keys):
            in_order = [keys[path] for path in paths] if set(paths) == set(keys) else list(keys.values())
            left = iter(in_order)
            value = trees.map_leaves(template, is_own, lambda own: self.adapter.cast(load(next(left)), own.dtype))
        else:
            value = trees.decode(tree, load)
        self.receipts[site] = digests
        return value

    def _tensor(self, array):
        some = next(iter(self.model.state.values()), (None,))[0]  # on the device that the model is on
        return self.adapter.from_numpy(array, like=some)

    def _receipt(self, tensor, dtype):
        # In the recorded dtype: a framework without 64 bit integers consumes the same values in 32.
        return measure.digest(self.adapter.to_numpy(tensor).astype(dtype))

    def _tensors(self, value):
        return list(trees.leaves(value, self.adapter.is_tensor))

    def _partners(self, tree, value):
        """Return for each tensor of a value the recorded (path, key) that it stands for; see ``trees.partners``."""
        return trees.partners(list(trees.keys(tree)), self._tensors(value))

    def _differences(self, tree, value):
        pairs = zip(self._partners(tree, value), self._tensors(value))
        by_path = {path: tensor for (path, _), (_, tensor) in pairs}
        rows = []
        for path, key in trees.keys(tree):
            if path not in by_path:
                rows.append({"path": path, "missing": True})
            else:
                array = self.adapter.to_numpy(by_path[path])
                row = measure.difference(array, self.reference.read(key))
                rows.append(dict(row, path=path, variation=measure.variation(array)))
        given = dict(trees.numbers(value))
        for path, number in trees.recorded_numbers(tree):
            if path in given and given[path] != number:
                rows.append({"path": path, "mismatch": "the number %r, reference %r" % (given[path], number)})
        return rows

    def _batch(self):
        """Return the port's batch with the reference's values, each as the kind of array that the port had there."""
        keys = dict(trees.keys(self.reference.batch))
        found = iter([path for path, _ in trees.leaves(self.model.batch, self.model.is_array)])

        def replace(value):
            path = next(found)
            if path not in keys:
                return self.model.copy(value)
            array = self.reference.read(keys[path])
            if not self.adapter.is_tensor(value):
                return array
            return self.adapter.cast(self.adapter.from_numpy(array, like=value), self.adapter.dtype(value))

        return trees.map_leaves(self.model.batch, self.model.is_array, replace)
