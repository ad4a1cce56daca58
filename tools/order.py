"""The notebooks' order, and all that follows from it: python -m tools.order

A notebook's number is that of its file name; its title and minutes stand in its first cell, the rest in its metadata:
"course": {"summary": …, "question": …, "exercises": minutes, "idea": …}. From that come the numbers
in titles and links, "Next →" and "Open in Colab", and the tables in README and teaching.md.
A new notebook after 05 is 05a_….ipynb: all are numbered anew.
"""
import re
from collections import defaultdict
from pathlib import Path

from tools.notebooks import ROOT, as_text, command_line, has, notebooks, read, slug, write

PAGES = ("README.md", ".github/CONTRIBUTING.md", "tools/book/teaching.md", "tools/book/evidence.md", "data/README.md")


class Notebook:
    """A notebook, and what it says of itself."""
    def __init__(self, path: Path):
        self.path, self.nb = path, read(path)
        first = self.nb.cells[0].source
        self.number = re.match(r"\d*", path.stem)[0]                      # "06"; "" for the glossary
        self.title = re.match(r"#? *(?:\d+ · )?(.*)", first)[1]           # without the number
        self.short = re.split("[:,]", self.title)[0]
        self.minutes = "".join(re.findall(r"\b(\d+) minutes", first)[:1])
        self.about = defaultdict(str, self.nb.metadata.get("course", {}))
        self.link = f"[{self.number or self.title}](notebooks/{path.name})"
        setup = next((cell.source for cell in self.nb.cells if has(cell, "setup")), "")
        self.repo = "".join(re.findall(r'^COURSE = "https://github.com/(.*?)"', setup, re.M))     # OWNER/NAME, once published
        self.colab = self.repo and f"https://colab.research.google.com/github/{self.repo}/blob/main/notebooks/{path.name}"


def misnumbered() -> list[tuple[Path, Path]]:
    """The files whose number is not their place in the order, each with the name that it should have."""
    numbered = [path for path in notebooks() if path.stem[0].isdigit()]
    names = [(path, path.with_name(f"{number:02}_{slug(path)}.ipynb")) for number, path in enumerate(numbered, 1)]
    return [(old, new) for old, new in names if old != new]


def with_links(text: str, all: list[Notebook]) -> str:
    """The text with the present file name in each link to a notebook, and its number where the link is called by that."""
    known = {slug(notebook.path): notebook for notebook in all if notebook.number}
    name = rf"\d+[a-z]?_({'|'.join(known)})\.ipynb"
    text = re.sub(rf"(?<=\[)([Nn]otebook |)\d\d(?=\]\([^)\s]*\b{name})", lambda m: m[1] + known[m[2]].number, text)
    text = re.sub(rf"\b{name}#\d+(?=-·-)", lambda m: f"{m[0].partition('#')[0]}#{int(known[m[1]].number)}", text)
    return re.sub(rf"\b{name}", lambda m: known[m[1]].path.name, text)


def with_tables(text: str, all: list[Notebook]) -> str:
    """The text with new tables where it has places for them."""
    tables = {
        "notebooks": ["| notebook | what it is about | minutes |", "|---|---|---|", *(
            f"| {notebook.link} | {notebook.about['summary']} | {notebook.minutes} |" for notebook in all)],
        "lessons": ["| notebook | lesson | exercises | the idea to leave with |", "|---|---|---|---|", *(
            f"| {notebook.link.replace('(', '(../../')} {notebook.short} | {notebook.minutes} min "
            f"| {notebook.about['exercises']} min | {notebook.about['idea']} |" for notebook in all if notebook.number)]}
    if all and all[0].repo:
        tables["colab"] = [f"  [{notebook.number or notebook.title}]({notebook.colab})" for notebook in all]
        site = "https://{}.github.io/{}/".format(*all[0].repo.split("/"))
        tables["book"] = [f"  open [the web book]({site}): draw, move sliders, train a net."]
    for name, lines in tables.items():
        text = re.sub(rf"(<!-- {name} -->\n).*?( *<!-- /{name} -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], text,
                      flags=re.S)
    return text


def with_order(notebook: Notebook, all: list[Notebook]) -> str:
    """The text of a notebook's file, with the present numbers in its title and links, and a link to the next one."""
    first, last = notebook.nb.cells[0], notebook.nb.cells[-1]
    if notebook.number:
        first.source = re.sub(r"\A# (\d+ · )?", f"# {int(notebook.number)} · ", first.source)
    if notebook.colab:
        first.source = re.sub(r"\s*\[Open in Colab\]\(\S*\)\s*$", "", first.source) + f"\n\n[Open in Colab]({notebook.colab})"
    if notebook.number and last.cell_type == "markdown":
        following = [other for other in all if other.number > notebook.number][:1]
        last.source = re.sub(r"\s*\[Next: [^]]*\]\([^)]*\)\s*\Z", "", last.source) + "".join(
            f"\n\n[Next: {other.short} →]({other.path.name})" for other in following)
    for cell in notebook.nb.cells:
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, all)
    return as_text(notebook.nb)


def stale() -> dict[Path, str]:
    """The files that do not follow the order, each with the text that it should have."""
    all = [Notebook(path) for path in notebooks()]
    pages = [ROOT / page for page in PAGES if (ROOT / page).exists()]      # students have not all of them
    texts = {page: with_tables(with_links(page.read_text(encoding="utf-8"), all), all) for page in pages}
    texts |= {notebook.path: with_order(notebook, all) for notebook in all}
    return {path: text for path, text in texts.items() if path.read_text(encoding="utf-8") != text}


def order() -> None:
    """Number the notebooks' files in the order of their names, and renew whatever follows from that."""
    renamed = misnumbered()
    for old, new in renamed:
        old.rename(new.with_suffix(".half"))         # first all away: the new name of one can be the old one of another
    for old, new in renamed:
        new.with_suffix(".half").rename(new)
        print(f"{old.name} → {new.name}")
    renewed = stale()
    for path, text in renewed.items():
        write(path, text)
    if renewed:
        print(f"Renewed: {', '.join(path.name for path in renewed)}.")


if __name__ == "__main__":
    command_line(__doc__, {"": order})
