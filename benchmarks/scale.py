"""Speed and scale, each figure as a ratio to something that is measured in the same run.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [sites] [size] [cuts] [search] [--gigabytes 8] [--json FILE]

Four tables, all of them unless some are named: what recording costs a site, against a plain run and against torch.save
by hooks; a big capture's time against writing the same files plainly, and the memory of its worker against that of a plain
run; what a probe costs against the share of the model that comes after its cut; and what a search costs against the number
of sites. Every figure comes from processes of their own, out of fresh captures that are deleted afterwards.
"""

import argparse
import json
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scale_recording import sites, size
from scale_searching import cuts, search


def main() -> None:
    """Measure, print the tables and write them into a file where asked."""
    parts = {"sites": sites, "size": size, "cuts": cuts, "search": search}
    parser = argparse.ArgumentParser(description="Speed and scale of bisect, as ratios.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all of them without")
    parser.add_argument("--gigabytes", type=float, default=8.0, help="of the big capture")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = {}
    for name in given.parts or parts:
        found[name] = list(parts[name](given.gigabytes))
        table = Table(*found[name][0], title=parts[name].__doc__, title_justify="left")
        for row in found[name]:
            table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
        Console(width=120).print(table)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
