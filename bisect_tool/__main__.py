"""``python -m bisect_tool`` is ``bisect``: from here on Ctrl-C ends it in one line, during its imports too."""

from __future__ import annotations

import os
import signal
from typing import Any

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from bisect_tool.cli.app import app  # noqa: PLC0415 - it takes a second, in which Ctrl-C may be pressed

    app(prog_name="bisect")


def _end(_number: int, _frame: Any) -> None:
    os.write(2, b"interrupted: nothing was begun\n")  # no import is left half done and caught by somebody
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
