"""Write tensors to safetensors shards as they come, with bounded memory, identical bytes once."""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import Any, Callable, Hashable, Iterator, Mapping

import numpy as np
from safetensors import SafetensorError

from . import Array, files, measure

SHARD_BYTES = 64 << 20
MOST_OPEN = 8  # shards that are read from
SAMPLE = 1024  # elements looked at before two tensors are compared in full


class DiskError(Exception):
    """The disk does not take what is recorded; the message is for the user."""


@contextlib.contextmanager
def writing(folder: str) -> Iterator[None]:
    """Raise DiskError where the block cannot write into a folder."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise DiskError("cannot write into %s: %s" % (folder, error)) from error


class DamagedError(Exception):
    """A stored tensor is not the one that was recorded; the message names it, and is for the user."""


class OpenShards:
    """The shards of a folder, open: a shard's header has an entry for every tensor in it, and takes long to read.

    Only those used last stay open: what was read of an open shard stays in memory. ``tensors`` maps a key to its "file", "shape",
    "hash" and, for messages, "what" it is. Each tensor is checked against its hash when it is first read: nobody sees one that was not.

    Attributes: ``damage``: the last error that a read raised, whoever caught it.
    """

    def __init__(self, folder: str, tensors: Mapping[str, Mapping[str, Any]]) -> None:
        self._folder = folder
        self._tensors = tensors
        self._open: dict[str, files.ArrayFile] = {}
        self._sound: set[str] = set()
        self.damage: DamagedError | None = None

    def read(self, key: str) -> Array:
        """Return one array. Raises DamagedError where it is not the one that was recorded."""
        return self._checked(key, lambda shard: shard.read(key))

    def view(self, key: str) -> Array:
        """Return one array as a view of its file; raises as ``read`` does."""
        return self._checked(key, lambda shard: shard.view(key))

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return tuple(self._tensors[key]["shape"])

    def _checked(self, key: str, read: Callable[[files.ArrayFile], Array]) -> Array:
        entry = self._tensors[key]
        try:
            array = read(self._shard(entry["file"]))
        except (OSError, SafetensorError) as error:
            raise self._damaged("%s cannot be read: %s" % (self._named(key), error)) from error
        if key not in self._sound:
            if measure.digest(array) != entry["hash"]:
                raise self._damaged("%s: the bytes are not those that were recorded" % self._named(key))
            self._sound.add(key)
        return array

    def _damaged(self, message: str) -> DamagedError:
        self.damage = DamagedError(message)
        return self.damage

    def _named(self, key: str) -> str:
        entry = self._tensors[key]
        what = " (%s)" % entry["what"] if "what" in entry else ""
        return "tensor %s%s in %s" % (key, what, os.path.join(self._folder, entry["file"]))

    def _shard(self, file: str) -> files.ArrayFile:
        shard = self._open.pop(file, None)
        if shard is None:
            shard = files.ArrayFile(os.path.join(self._folder, file))
            while len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
        self._open[file] = shard  # the last of them
        return shard


class ShardWriter:
    """Collect arrays and write a shard whenever ``SHARD_BYTES`` have come together.

    Attributes: ``table`` (key to file, shape, dtype, hash and statistics), ``written`` (bytes in shards),
    ``offered`` (bytes before duplicates were dropped), ``shards`` (what was written, to be read). Arrays handed in must not change
    afterwards.
    """

    def __init__(self, folder: str, on_progress: Callable[..., None] | None = None) -> None:
        self.table: dict[str, dict[str, Any]] = {}
        self.written = 0
        self.offered = 0
        self._folder = folder
        self._pending: dict[str, Array] = {}
        self._pending_bytes = 0
        self._count = 0
        self._by_sample: dict[Hashable, list[str]] = {}
        self.shards = OpenShards(folder, self.table)
        self._on_progress = on_progress or (lambda **_fields: None)

    def add(self, array: Array, layout: str | None = None) -> str:
        """Store an array and return its key; an array that is already stored gives the same key.

        ``layout`` says how its values lay where they lay sparsely.
        """
        array = np.asarray(array, order="C")  # safetensors writes memory as it lies
        self.offered += array.nbytes
        sample = (layout, self._sample(array))
        for key in self._by_sample.get(sample, ()):
            if _same_bytes(self.read(key), array):
                return key
        key = "t%06d" % len(self.table)
        self._by_sample.setdefault(sample, []).append(key)
        self.table[key] = {"shape": list(array.shape), "dtype": array.dtype.name}
        if layout is not None:
            self.table[key]["layout"] = layout
        self._pending[key] = array
        self._pending_bytes += array.nbytes
        if self._pending_bytes >= SHARD_BYTES:
            self.flush()
        return key

    def read(self, key: str) -> Array:
        """Return a stored array, from memory or from its shard."""
        if key in self._pending:
            return self._pending[key]
        return self.shards.read(key)

    def flush(self) -> None:
        """Write what is pending as one shard."""
        if not self._pending:
            return
        name = "shard-%04d.safetensors" % self._count
        for key, array in self._pending.items():
            entry = self.table[key]
            entry["file"] = name
            entry["hash"] = measure.digest(array)
            entry.update(measure.statistics(array))
        with writing(self._folder):
            files.save(self._pending, os.path.join(self._folder, name))
        self._count += 1
        self.written += self._pending_bytes
        self._pending = {}
        self._pending_bytes = 0
        self._on_progress(bytes=self.written)

    @staticmethod
    def _sample(array: Array) -> Hashable:
        flat = array.reshape(-1)
        return (
            array.shape,
            array.dtype.name,
            zlib.crc32(np.ascontiguousarray(flat[:: max(1, flat.size // SAMPLE)]).tobytes()),
        )


def _same_bytes(left: Array, right: Array) -> bool:
    return left.tobytes() == right.tobytes()
