"""Write tensors to safetensors shards as they come, with bounded memory, identical bytes once."""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import Any, Callable, Hashable, Iterator

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


class OpenShards:
    """The shards of a folder, open: a shard's header has an entry for every tensor in it, and takes long to read.

    Only those used last stay open: what was read of an open shard stays in memory.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._open: dict[str, files.ArrayFile] = {}

    def read(self, file: str, key: str) -> Array:
        """Return one array of a shard."""
        shard = self._open.pop(file, None)
        if shard is None:
            shard = files.ArrayFile(os.path.join(self._folder, file))
            while len(self._open) >= MOST_OPEN:
                del self._open[next(iter(self._open))]
        self._open[file] = shard  # the last of them
        return shard.read(key)


class ShardWriter:
    """Collect arrays and write a shard whenever ``SHARD_BYTES`` have come together.

    Attributes: ``table`` (key to file, shape, dtype, hash and statistics), ``written`` (bytes in shards),
    ``offered`` (bytes before duplicates were dropped). Arrays handed in must not change afterwards.
    """

    def __init__(self, folder: str, on_progress: Callable[..., None] | None = None) -> None:
        self.table: dict[str, dict[str, Any]] = {}
        self.written = 0
        self.offered = 0
        self._folder = folder
        self._pending: dict[str, Array] = {}
        self._pending_bytes = 0
        self._shards = 0
        self._by_sample: dict[Hashable, list[str]] = {}
        self._readable = OpenShards(folder)
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
        return self._readable.read(self.table[key]["file"], key)

    def flush(self) -> None:
        """Write what is pending as one shard."""
        if not self._pending:
            return
        name = "shard-%04d.safetensors" % self._shards
        for key, array in self._pending.items():
            entry = self.table[key]
            entry["file"] = name
            entry["hash"] = measure.digest(array)
            entry.update(measure.statistics(array))
        with writing(self._folder):
            files.save(self._pending, os.path.join(self._folder, name))
        self._shards += 1
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
