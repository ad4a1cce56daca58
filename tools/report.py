"""What a writer may want to know of each notebook, and no test demands: python -m tools.report [slug …]"""
import re
import sys
from pathlib import Path
from statistics import median

from tools.notebooks import notebooks, read


def counts(path: Path) -> dict[str, object]:
    """Counts for one notebook: its lesson is everything above the questions, without the folded parts."""
    cells = read(path).cells
    end = next((k for k, cell in enumerate(cells) if cell.source.startswith(("## Questions", "## Exercises"))), len(cells))
    code = [cell for cell in cells[:end] if cell.cell_type == "code"]
    prose = [cell.source * (cell.cell_type == "markdown") for cell in cells]
    text, everything = "\n".join(prose[:end]), "\n".join(prose)
    lines = [len(re.findall(r"^.*\S", cell.source, re.M)) for cell in code]
    return {"notebook": path.stem, "words": len(re.sub(r"<details>.*?</details>|```.*?```", "", text, flags=re.S).split()),
            "cells": end, "code": len(code), "lines": median(lines), "longest": max(lines),
            "pictures": sum("image/png" in output.get("data", {}) for cell in code for output in cell.outputs),
            "questions": len(re.findall(r"<summary>\d", everything)),
            "exercises": len(re.findall(r"^### \d", everything, re.M)),
            "in a row": max(map(len, re.findall("c+", "".join(cell.cell_type[0] for cell in cells))))}      # code cells


if __name__ == "__main__":
    rows = [counts(path) for path in notebooks(*sys.argv[1:])]
    for name, *numbers in [rows[0].keys(), *(row.values() for row in rows)]:
        print(f"{name:22}", *(f"{number!s:>9}" for number in numbers))
