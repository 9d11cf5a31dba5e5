"""What the reference recorded, as a run of the port reads it."""

from ..arrays import measure
from ..arrays.shards import OpenShards


class Reference:
    """The reference's recorded values, by the port's own site names; read from the capture when needed.

    ``sites`` maps a site to {"inputs": tree, "output": tree, "inside": {module: calls}}, ``state`` a parameter or
    buffer to a key, ``tensors`` a key to {"file": ...}. Paths were checked by the parent.
    """

    def __init__(self, folder, sites, state, batch, tensors, gradients=None):
        self.sites = sites
        self.state = state
        self.gradients = gradients  # what the gradients of a recorded run were; see ``pullback``
        self.batch = batch
        self._tensors = tensors
        self._known = set()
        self._new = {}
        self._shards = OpenShards(folder)

    def read(self, key):
        """Return one recorded array."""
        array = self._shards.read(self._tensors[key]["file"], key)
        if key not in self._known:
            self._known.add(key)
            self._new[key] = measure.digest(array)
        return array

    def gradient_key(self, name):
        """Return the key of a recorded gradient, (call, part, path), None where there is none."""
        site, part, path = name
        return self.gradients["sites"].get(site, {}).get(part, {}).get(path)

    def gradient(self, name):
        """Return a recorded gradient, None where there is none."""
        key = self.gradient_key(name)
        return None if key is None else self.read(key)

    def first_read(self):
        """Return {key: hash} of what was read for the first time since the last call: the parent checks it."""
        new, self._new = self._new, {}
        return new
