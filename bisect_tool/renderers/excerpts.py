"""Draw lines of source: one of them is meant, and expressions in it are marked as compilers mark them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.renderers.words import shown
from bisect_tool.report.data import MarkData


@dataclass(frozen=True)
class Lines:
    """Lines of a file, the one that is meant with a ``>`` before it, and ``^^^`` under the marks where the line is not broken."""

    excerpt: Excerpt
    marks: Sequence[MarkData]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the file's name and each line."""
        yield shown(self.excerpt.file, "dim")
        for number, line in enumerate(self.excerpt.text, self.excerpt.first):
            mine = number == self.excerpt.line
            drawn = shown(f"{'>' if mine else ' '} {number:4d}  {line}", "bold" if mine else "dim")
            carets = self._carets(number, line)
            yield drawn
            if carets.strip() and cell_len(drawn.plain) <= options.max_width:
                yield Text(" " * (cell_len(drawn.plain) - cell_len(shown(line).plain)) + carets, style="red")

    def _carets(self, number: int, line: str) -> str:
        """Return a line with nothing but what stands under the marks."""
        places = [" "] * cell_len(shown(line).plain)
        for mark in self.marks:
            first, start, last, end = mark.span
            if first <= number <= last:
                begin = start if number == first else len(line.encode()) - len(line.encode().lstrip())
                stop = end if number == last else len(line.encode())
                for place in range(_cells(line, begin), min(_cells(line, stop), len(places))):
                    places[place] = "^"
        return "".join(places)


def _cells(line: str, column: int) -> int:
    """Return how wide what stands before a column is, which counts bytes of UTF-8."""
    return cell_len(shown(line.encode()[:column].decode(errors="replace")).plain)
