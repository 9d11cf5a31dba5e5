"""A process beside the worker that ends it, and all it started, once the parent is gone."""

from __future__ import annotations

import os
import signal

MOST_FILES = 4096  # descriptors that may be open as a worker starts


def end_with(pipe: int) -> None:
    """End this process's group as soon as nobody holds the other end of a pipe, whatever the model is doing then.

    A thread could not: code in C may keep the interpreter for itself. Nor would a signal of the kernel's at the parent's death
    do, since it ends this process alone. Where no process can be started, the worker ends at its next request.
    """
    try:
        between = os.fork()
    except OSError:
        return
    if between:
        os.waitpid(between, 0)
        os.close(pipe)
        return
    try:
        if os.fork() == 0:  # nobody's child: a model that waits for all of its own does not wait for this one
            _watch(pipe)
    finally:
        os._exit(0)


def _watch(pipe: int) -> None:
    os.closerange(0, pipe)
    os.closerange(pipe + 1, MOST_FILES)
    while os.read(pipe, 1):
        pass
    os.killpg(0, signal.SIGKILL)
