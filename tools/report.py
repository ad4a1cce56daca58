"""What a writer may want to know of each notebook, and no test demands: python -m tools.report [slug …]"""
import re
import sys
from statistics import median

from tools.notebooks import notebooks, read


def lines(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


def row(path) -> str:
    """Counts for one notebook: its lesson is everything above the questions, without the folded parts."""
    cells = read(path).cells
    end = next((k for k, cell in enumerate(cells) if cell.source.startswith(("## Questions", "## Exercises"))), len(cells))
    lesson = cells[:end]
    code = [cell for cell in lesson if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in lesson if cell.cell_type == "markdown")
    words = len(re.sub(r"<details>.*?</details>|```.*?```", "", text, flags=re.S).split())
    pictures = sum("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    before = next((k for k, cell in enumerate(lesson) if "image/png" in str(cell.get("outputs", ""))[:9999]), end)
    first = sum(len(cell.source.split()) for cell in lesson[:before] if cell.cell_type == "markdown")
    everything = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    kinds = "".join(cell.cell_type[0] for cell in cells)
    return (f"{path.stem:22}{words:6}{len(lesson):6}{len(code):6}{median(lines(c.source) for c in code):8}"
            f"{max(lines(c.source) for c in code):8}{pictures:9}{first:8}"
            f"{len(re.findall(r'<summary>[0-9]+', everything)):10}{len(re.findall('^### [0-9]', everything, re.M)):10}"
            f"{'  three code cells in a row' if 'ccc' in kinds else ''}")


if __name__ == "__main__":
    print(f"{'':22}{'words':>6}{'cells':>6}{'code':>6}{'median':>8}{'longest':>8}{'pictures':>9}{'before':>8}"
          f"{'questions':>10}{'exercises':>10}")
    print(f"{'':40}{'lines':>8}{'lines':>8}{'':9}{'first':>8}")
    for book in notebooks():
        if not sys.argv[1:] or book.stem[3:] in sys.argv[1:]:
            print(row(book))
