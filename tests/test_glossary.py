"""The glossary: each term has an entry, linked to the section that defines it, with code that shows it and works alone.

An entry is two cells: `### name, other name`, a sentence or two, → and a link; below it, the code with its output.
To add one, put the two cells in their alphabetical place; another name that begins with another letter also gets a
"word: see [name](#anchor)" under that letter.
"""
import ast
import builtins
import re
from collections import Counter
from typing import NamedTuple

import nbformat
import pytest

from tests.test_notebooks import defined_terms, none
from tools.notebooks import notebooks

*LESSONS, GLOSSARY = (nbformat.read(path, as_version=4).cells for path in notebooks())
TEXTS = {path.name: "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
         for path, cells in zip(notebooks(), LESSONS)}
# Bold words of the lessons that are no terms, and words that the exercises use and that have an entry all the same.
NO_TERMS = {"speed", "start", "hinges add up", "only two kinds of numbers", "layers alternate", "calculus is a"}
NOT_BOLD = "callback, momentum, nan, nearest neighbour, precision, recall, seven steps"
STEPS = "initialise, predict, loss, gradient, step, repeat, stop"


class Entry(NamedTuple):
    letter: str          # under which it stands
    names: list          # the first one decides on the alphabetical place
    definition: str      # the sentences before the arrow
    links: list          # (notebook or "", anchor), the first one behind the arrow comes first
    code: object         # the next cell


def entries(cells: list) -> list[Entry]:
    found, letter = [], ""
    for cell, following in zip(cells, [*cells[1:], None]):
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            letter = cell.source[3]
        elif cell.cell_type == "markdown" and cell.source.startswith("### "):
            heading, _, text = cell.source.partition("\n")
            definition, _, rest = text.partition("→")
            links = re.findall(r"\]\(([^)#\s]*)#([^)\s]*)\)", rest)
            found.append(Entry(letter, heading[4:].strip().split(", "), definition.strip(), links, following))
    return found


def entry_for(term: str, found: list[Entry]) -> Entry | None:
    """The entry of a term, or of what it is the plural or past tense of: knots and knot, memorised and memorise."""
    return next((entry for entry in found for name in entry.names
                 if term.casefold() in (name.casefold() + ending for ending in ("", "s", "d"))), None)


def bold_places() -> dict[str, list[tuple[str, str]]]:
    """Each bold word of the lessons, in lower case, and the (notebook, anchor) of the sections in which it is bold."""
    places = {}
    for name, text in TEXTS.items():
        section, text = "", re.sub(r"```.*?```|<details>.*?</details>", "", text, flags=re.S)
        for part in re.split(r"^(?=#+ )", text, flags=re.M):
            if part.startswith("#"):
                section = re.sub(r"[`*]", "", part.splitlines()[0].lstrip("# ").strip()).replace(" ", "-")
            for bold in re.findall(r"\*\*([\w' -]+?)\.?\*\*", part):
                places.setdefault(bold.lower(), []).append((name, section))
    return places


def problems_of(entry: Entry) -> list[str]:
    """What is wrong with the form of one entry."""
    name, problems = entry.names[0], []
    sentences = len(re.findall(r"[.!?]\)?(?=\s|$)", entry.definition))
    if not 1 <= sentences <= 3 or not re.search(r"[.!?]\)?$", entry.definition) or "**" in entry.definition:
        problems.append(f"{name}: one sentence defines it, or two, without bold words")
    if not entry.links:                                          # tests/test_notebooks.py follows it
        problems.append(f"{name}: behind an arrow, a link leads to the section of a notebook that introduces it")
    shown = "" if entry.code is None or entry.code.cell_type != "code" else "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in entry.code.outputs)
    if not shown.strip().removeprefix("None"):
        problems.append(f"{name}: below it stands code that shows something")
    return problems


def misplaced(found: list[Entry], text: str) -> list[str]:
    """Entries out of order or under the wrong letter, names that occur twice, and references that are not in the text."""
    problems, last = [], ""
    for letter, (name, *others), *_ in found:
        if name[0].upper() != letter or name.casefold() < last:
            problems.append(f"{name} stands under {letter}, behind {last}")
        last = name.casefold()
        problems += [f"{other}: no reference to {name} under its letter" for other in others
                     if other[0].upper() != letter and f"{other}: see [{name}]" not in text]
    names = Counter(name.casefold() for entry in found for name in entry.names)
    return problems + [f"{name} occurs twice" for name, times in names.items() if times > 1]


def names_in(code: str) -> tuple[set[str], set[str]]:
    """The names that a piece of code reads, and those that it gives a meaning, anywhere in it."""
    reads, binds = set(), set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (reads if isinstance(node.ctx, ast.Load) else binds).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            binds.add(node.name)
        elif isinstance(node, ast.arg):
            binds.add(node.arg)
        elif isinstance(node, ast.alias):
            binds.add((node.asname or node.name).split(".")[0])
    return reads, binds


FOUND, BOLD = entries(GLOSSARY), bold_places()


def test_every_term_of_the_course_has_an_entry():
    terms = {term for text in TEXTS.values() for term in defined_terms(text)} - NO_TERMS
    assert len(terms) > 100
    none(f"**{term}** has no entry ### {term}" for term in sorted(terms) if not entry_for(term, FOUND))
    none(f"no entry ### {term}" for term in f"{STEPS}, {NOT_BOLD}".split(", ") if not entry_for(term, FOUND))


@pytest.mark.parametrize("entry", FOUND, ids=lambda entry: entry.names[0])
def test_entry_has_a_sentence_a_link_and_code_that_shows_it(entry):
    none(problems_of(entry))
    where = [place for name in entry.names for form in (name, name + "s", name + "d") for place in BOLD.get(form.lower(), [])]
    assert not where or entry.links[0] in where, f"{entry.names[0]} is bold in {where}, its link leads to {entry.links[0]}"


def test_entries_are_in_alphabetical_order_and_unique():
    none(misplaced(FOUND, "\n".join(cell.source for cell in GLOSSARY)))
    letters = [cell.source[3:4] for cell in GLOSSARY if cell.cell_type == "markdown" and cell.source.startswith("## ")]
    assert re.findall(r"\[(\w)\]\(#\1\)", GLOSSARY[0].source) == letters == sorted(letters)


def test_entries_can_be_run_alone_after_the_cells_at_the_top():
    end = next(k for k, cell in enumerate(GLOSSARY) if cell.source.startswith("### "))
    top = set().union(*(names_in(cell.source)[1] for cell in GLOSSARY[:end] if cell.cell_type == "code"))
    for entry in FOUND:
        reads, binds = names_in(entry.code.source)
        none(f"{entry.names[0]}: {name} is not made at the top" for name in reads - binds - top - set(dir(builtins)))


def test_what_is_wrong_with_an_entry_is_noticed():
    text, link = nbformat.v4.new_markdown_cell, "→ [notebook 01](01_pixels.ipynb#Tensors)"
    shows = nbformat.v4.new_code_cell("1 + 1", outputs=[nbformat.v4.new_output("execute_result", data={"text/plain": "2"})])
    good, = entries([text(f"### axis, axes\n\nA way to walk, with a `.5` in it. {link}"), shows])
    assert problems_of(good) == [] and entry_for("Axes", [good]) is good and entry_for("matrix", [good]) is None
    for source, below in [(f"A way to walk {link}", shows), (link, shows), ("A way.", shows), (f"A **way**. {link}", shows),
                          (f"A way. {link}", text("## B")), (f"A way. {link}", nbformat.v4.new_code_cell("1"))]:
        assert problems_of(entries([text(f"### axis\n\n{source}"), below])[0]), source
    for wrong in [["## A", "### b"], ["## A", "### ac", "### aB"], ["## A", "### a", "### a"], ["## A", "### a, other"]]:
        assert misplaced(entries([text(source) for source in wrong]), ""), wrong
