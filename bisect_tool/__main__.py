"""``python -m bisect_tool`` is ``bisect``: from here on Ctrl-C ends it in one line, during its imports too."""

from __future__ import annotations

import os
import sys
from typing import Any

from bisect_tool.cli.interrupt import handled_by


def main() -> None:
    """Run the command."""
    handled_by(_end)
    from bisect_tool.cli import common, screen  # noqa: PLC0415 - it takes a second, in which Ctrl-C may be pressed
    from bisect_tool.cli.app import app  # noqa: PLC0415

    screen.open_streams()
    try:
        try:
            app(prog_name="bisect")
        finally:
            sys.stdout.flush()  # what no command printed: --help, --version
    except screen.UnwrittenError as error:
        sys.exit(common.unwritten(error))


def _end(number: int, _frame: Any) -> None:
    try:
        os.write(2, b"interrupted: nothing was begun\n")  # no import is left half done and caught by somebody
    finally:
        os._exit(128 + number)


if __name__ == "__main__":
    main()
