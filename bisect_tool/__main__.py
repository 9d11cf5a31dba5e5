"""``python -m bisect_tool`` is ``bisect``."""

from bisect_tool.cli.app import app

if __name__ == "__main__":
    app(prog_name="bisect")
