"""The notebooks' order, and all that follows from it: python -m tools.order

A notebook's number is that of its file name; its title and its minutes stand in its first cell, and what else is told of it
in its metadata: "course": {"summary": …, "question": …, "exercises": minutes, "idea": …}. From that come the numbers in
titles and links, the links "Next →" and "Open in Colab", and the tables in README and teaching.md. To add a notebook after
05, name it 05a_….ipynb: the files are numbered anew in the order of their names.
"""
import re
from pathlib import Path
from typing import NamedTuple

from tools.notebooks import ROOT, as_text, command_line, has, notebooks, read, slug, write

PAGES = ("README.md", ".github/CONTRIBUTING.md", "tools/book/teaching.md", "tools/book/evidence.md", "data/README.md")


class Notebook(NamedTuple):
    """What a notebook says of itself."""
    path: Path
    number: str          # "06"; "" for the glossary
    title: str           # without the number
    minutes: str
    about: dict          # its metadata `course`
    address: str         # of the published course, from the set-up cell; "" before it is published

    @property
    def short(self) -> str:
        return re.split("[:,]", self.title)[0]

    @property
    def link(self) -> str:
        """A link from README's folder: [06](notebooks/06_relu_net.ipynb)."""
        return f"[{self.number or self.title}](notebooks/{self.path.name})"

    @property
    def colab(self) -> str:
        """The notebook's address in Colab."""
        repo = self.address.removeprefix("https://github.com/")
        return f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{self.path.name}" if repo else ""


def told(path: Path) -> Notebook:
    """What a notebook says of itself."""
    nb = read(path)
    first = nb.cells[0].source
    minutes = re.search(r"\b(\d+) minutes", first)
    address = [re.findall(r'^COURSE = "(.*?)"', cell.source, re.M) for cell in nb.cells if has(cell, "setup")]
    return Notebook(path, "".join(re.findall(r"^\d+", path.stem)), re.match(r"#? *(?:\d+ · )?(.*)", first)[1],
                    minutes[1] if minutes else "", nb.metadata.get("course", {}), "".join(sum(address, [])))


def misnumbered() -> list[tuple[Path, Path]]:
    """The files whose number is not their place in the order, each with the name that it should have."""
    numbered = [path for path in notebooks() if path.stem[0].isdigit()]
    names = [(path, path.with_name(f"{number:02}_{slug(path)}.ipynb")) for number, path in enumerate(numbered, 1)]
    return [(old, new) for old, new in names if old != new]


def with_links(text: str, all: list[Notebook]) -> str:
    """The text with the present file name in each link to a notebook, and its number where the link is called by that."""
    known = {slug(notebook.path): notebook for notebook in all if notebook.number}
    name = rf"\d+[a-z]?_({'|'.join(known)})\.ipynb"
    text = re.sub(rf"(?<=\[)(notebook |Notebook |)\d\d(?=\]\([^)\s]*\b{name})", lambda m: m[1] + known[m[2]].number, text)
    return re.sub(rf"\b{name}(#\d+(?=-·-))?", lambda m: known[m[1]].path.name + (
        f"#{int(known[m[1]].number)}" if m[2] else ""), text)


def with_tables(text: str, all: list[Notebook]) -> str:
    """The text with new tables where it has places for them."""
    tables = {
        "notebooks": ["| notebook | what it is about | minutes |", "|---|---|---|", *(
            f"| {notebook.link} | {notebook.about.get('summary', '')} | {notebook.minutes} |" for notebook in all)],
        "lessons": ["| notebook | lesson | exercises | the idea to leave with |", "|---|---|---|---|", *(
            f"| {notebook.link.replace('(', '(../../')} {notebook.short} | {notebook.minutes} min "
            f"| {notebook.about.get('exercises', '')} min | {notebook.about.get('idea', '')} |"
            for notebook in all if notebook.number)]}
    if all and all[0].address:
        tables["colab"] = [f"  [{notebook.number or notebook.title}]({notebook.colab})" for notebook in all]
        owner, name = all[0].address.split("/")[-2:]
        tables["book"] = [f"  open [the web book](https://{owner}.github.io/{name}/): draw, move sliders, train a net."]
    for name, lines in tables.items():
        text = re.sub(rf"(<!-- {name} -->\n).*?( *<!-- /{name} -->)", lambda m: m[1] + "\n".join(lines) + "\n" + m[2], text,
                      flags=re.S)
    return text


def with_order(notebook: Notebook, all: list[Notebook]) -> str:
    """The text of a notebook's file, with the present numbers in its title and links, and a link to the next one."""
    nb = read(notebook.path)
    before = [cell.source for cell in nb.cells]
    first, last = nb.cells[0], nb.cells[-1]
    if notebook.number:
        first.source = re.sub(r"\A# (\d+ · )?", f"# {int(notebook.number)} · ", first.source)
    if notebook.colab:
        first.source = re.sub(r"\s*\[Open in Colab\]\(\S*\)\s*$", "", first.source) + f"\n\n[Open in Colab]({notebook.colab})"
    if notebook.number and last.cell_type == "markdown":
        following = [other for other in all if other.number > notebook.number][:1]
        last.source = re.sub(r"\s*\[Next: [^]]*\]\([^)]*\)\s*\Z", "", last.source) + "".join(
            f"\n\n[Next: {other.short} →]({other.path.name})" for other in following)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, all)
    return as_text(nb) if [cell.source for cell in nb.cells] != before else notebook.path.read_text(encoding="utf-8")


def stale() -> dict[Path, str]:
    """The files that do not follow the order, each with the text that it should have."""
    all = [told(path) for path in notebooks()]
    texts = {notebook.path: with_order(notebook, all) for notebook in all}
    for page in PAGES:
        if (ROOT / page).exists():                   # students have not all of them
            texts[ROOT / page] = with_tables(with_links((ROOT / page).read_text(encoding="utf-8"), all), all)
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
