"""The glossary: each term has an entry, linked to the section that defines it, with code that shows it and works alone.

An entry is two cells: `### name, other name`, a sentence or two, → and a link; below it, the code with its output.
To add one, put the two cells in their alphabetical place; another name that begins with another letter also gets a
"word: see [name](#anchor)" under that letter.
"""
import ast
import builtins
import re
from typing import NamedTuple

import nbformat
import pytest

from tests.test_notebooks import anchors, defined_terms, none
from tools.notebooks import NOTEBOOKS, notebooks

BOOKS = {path.stem: nbformat.read(path, as_version=4).cells for path in notebooks()}
LESSONS = {name: cells for name, cells in BOOKS.items() if name != "glossary"}
GLOSSARY = BOOKS["glossary"]

STEPS = "initialise predict loss gradient step repeat stop".split()
TERMS = """activation, parameter, tensor, axis, rank, scalar, vector, matrix, layer, linear, nonlinear, ReLU,
    mini-batch, forward pass, loss, gradient, backward pass, gradient descent, learning rate, epoch, metric"""
NOT_BOLD = "callback, momentum, nan, nearest neighbour, precision, recall"     # words of the exercises
# Bold words without an entry: why, the notebook that shows the reason to be a fact, and what stands there.
EXCUSED = {
    "speed": ("the name of the ball's first parameter", "03_gradient_descent", "speed, start = params"),
    "start": ("the name of the ball's second parameter", "03_gradient_descent", "speed, start = params"),
    "hinges add up": ("a statement, not a term; the entry is hinge", "glossary", "### hinge"),
}


class Entry(NamedTuple):
    names: list          # the first one decides on the alphabetical place
    definition: str      # the sentences before the arrow
    links: list          # (notebook or "", anchor), the first one behind the arrow comes first
    code: object         # the next cell


def entries(cells: list) -> list[Entry]:
    found = []
    for cell, following in zip(cells, [*cells[1:], None]):
        if cell.cell_type == "markdown" and cell.source.startswith("### "):
            heading, _, text = cell.source.partition("\n")
            definition, _, rest = text.partition("→")
            links = re.findall(r"\]\(([^)#\s]*)#([^)\s]*)\)", rest)
            found.append(Entry(heading[4:].strip().split(", "), definition.strip(), links, following))
    return found


def is_a_form(term: str, name: str) -> bool:
    """Whether a term is a name, or its plural or past tense: knots and knot, memorised and memorise."""
    return term.casefold() in (name.casefold() + ending for ending in ("", "s", "d"))


def entry_for(term: str, found: list[Entry]) -> Entry | None:
    return next((entry for entry in found if any(is_a_form(term, name) for name in entry.names)), None)


def bold_places(lessons: dict[str, list]) -> dict[str, list[tuple[str, str]]]:
    """Each bold word of the lessons, and the (notebook, anchor) of the section that defines it.

    Bold words with a capital are in it as well, with all their sections: a few are terms (Hessian, Learner).
    """
    places, defined = {}, {}
    for name, cells in lessons.items():
        section = ""
        for cell in cells:
            if cell.cell_type != "markdown":
                continue
            text = re.sub(r"```.*?```|<details>.*?</details>", "", cell.source, flags=re.S)
            for part in re.split(r"^(?=#+ )", text, flags=re.M):
                if part.startswith("#"):
                    section = re.sub(r"[`*]", "", part.splitlines()[0].lstrip("# ").strip()).replace(" ", "-")
                for term in defined_terms(part):
                    defined.setdefault(term, []).append((f"{name}.ipynb", section))
                for bold in re.findall(r"\*\*([\w' -]+?)\.?\*\*", part):
                    places.setdefault(bold.lower(), []).append((f"{name}.ipynb", section))
    return {**{term: where for term, where in places.items() if term not in map(str.lower, defined)}, **defined}


def problems_of(entry: Entry, folder=NOTEBOOKS) -> list[str]:
    """What is wrong with the form of one entry."""
    name, problems = entry.names[0], []
    sentences = len(re.findall(r"[.!?]\)?(?=\s|$)", entry.definition))
    if not 1 <= sentences <= 2 or not re.search(r"[.!?]\)?$", entry.definition):
        problems.append(f"{name}: one sentence defines it, or two; this has {sentences}")
    if not entry.links or not re.fullmatch(r"\d\d_\w+\.ipynb", entry.links[0][0]):
        problems.append(f"{name}: behind an arrow, a link leads to the section of a notebook that introduces it")
    elif not (folder / entry.links[0][0]).exists() or entry.links[0][1] not in anchors(folder / entry.links[0][0]):
        problems.append(f"{name}: {'#'.join(entry.links[0])} does not exist")
    if "**" in entry.definition:
        problems.append(f"{name}: a term is bold only in the lesson that defines it")
    if entry.code is None or entry.code.cell_type != "code":
        problems.append(f"{name}: no code below it")
    elif not 1 <= sum(bool(line.strip()) for line in entry.code.source.splitlines()) <= 4:
        problems.append(f"{name}: its code is one to three lines, at most four")
    elif not shown(entry.code):
        problems.append(f"{name}: its code shows nothing")
    return problems


def shown(cell) -> str:
    """What a code cell shows: its printed text, its value, or the alt text of its picture."""
    texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(texts).strip().removeprefix("None")


def names_in(code: str) -> tuple[set[str], set[str]]:
    """The names that a piece of code reads, and those that it gives a meaning, anywhere in it."""
    nodes = list(ast.walk(ast.parse(code)))
    reads = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    binds = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    binds |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    binds |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return reads, binds


def prepared(cells: list) -> set[str]:
    """The names that the cells before the first entry make for all the others."""
    names = set()
    for cell in cells:
        if cell.source.startswith("### "):
            break
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            else:
                names |= names_in(ast.unparse(node))[1]
    return names


def misplaced(cells: list) -> list[str]:
    """Entries out of order or under the wrong letter, names that occur twice, and idle or missing references."""
    everything = "\n".join(cell.source for cell in cells)
    problems, letter, last, names, references = [], "", "", [], {}
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            letter, _, below = cell.source[3:].partition("\n")
            words = re.findall(r"(?:^|· )([^·\n]+?): see \[", below, re.M)
            references |= dict.fromkeys(words, letter)
            if words != sorted(words, key=str.casefold) or any(word[0].upper() != letter for word in words):
                problems.append(f"{letter}: its references are {', '.join(words)}")
        elif cell.cell_type == "markdown" and cell.source.startswith("### "):
            name, *others = cell.source.splitlines()[0][4:].strip().split(", ")
            if name[0].upper() != letter:
                problems.append(f"{name} stands under {letter}")
            if name.casefold() <= last:
                problems.append(f"{name} stands behind {last}")
            last = name.casefold()
            names += [name, *others]
            problems += [f"{other}: no reference to {name} under its letter" for other in others
                         if other[0].upper() != letter and f"{other}: see [{name}]" not in everything]
    problems += [f"{name} occurs twice" for name in names if sum(name.casefold() == n.casefold() for n in names) > 1]
    problems += [f"{word} has an entry and needs no reference" for word in references
                 if any(entry.names[0].casefold() == word.casefold() for entry in entries(cells))]
    return problems


def unexplained(terms: list[str], found: list[Entry], excused: dict) -> list[str]:
    """The terms without an entry or an excuse, and the excuses for terms that have an entry."""
    missing = [term for term in terms if not entry_for(term, found) and term not in excused]
    idle = [term for term in excused if any(term in entry.names for entry in found)]
    return [f"**{term}** has no entry ### {term}" for term in missing] + [f"{term} needs no excuse" for term in idle]


def misled(bold: dict[str, list[tuple[str, str]]], found: list[Entry], excused: dict) -> list[str]:
    """The entries whose first link leads elsewhere than to the section in which their term is bold."""
    return [f"{entry.names[0]}: its link leads to {'#'.join(entry.links[0])}, "
            f"but {term} is bold in {' and '.join(map('#'.join, where))}"
            for term, where in bold.items() for entry in [entry_for(term, found)]
            if entry and term not in excused and entry.links[0] not in where]


# ---------------------------------------------------------------- the glossary

FOUND = entries(GLOSSARY)
BOLD = bold_places(LESSONS)
DEFINED = [term for cells in LESSONS.values() for cell in cells if cell.cell_type == "markdown"
           for term in defined_terms(cell.source)]


def test_every_bold_term_of_the_course_has_an_entry_or_an_excuse():
    assert len(DEFINED) > 50
    none(unexplained(DEFINED, FOUND, EXCUSED))


@pytest.mark.parametrize("term", EXCUSED)
def test_excuses_are_facts_and_needed(term):
    reason, name, fact = EXCUSED[term]
    assert reason and any(fact in cell.source for cell in BOOKS[name])
    assert term in DEFINED, f"{term} is not bold any more"


def test_every_term_of_the_plan_and_every_step_has_an_entry():
    none(f"no entry ### {term}" for term in [*re.split(r",\s+", f"{TERMS}, {NOT_BOLD}"), *STEPS, "seven steps"]
         if not any(entry.names[0] == term for entry in FOUND))


@pytest.mark.parametrize("entry", FOUND, ids=lambda entry: entry.names[0])
def test_entry_has_a_sentence_a_link_and_code_that_shows_it(entry):
    none(problems_of(entry))


def test_links_lead_to_the_section_in_which_the_term_is_bold():
    none(misled(BOLD, FOUND, EXCUSED))


def test_entries_are_in_alphabetical_order_and_unique():
    none(misplaced(GLOSSARY))
    letters = [cell.source[3:4] for cell in GLOSSARY if cell.cell_type == "markdown" and cell.source.startswith("## ")]
    assert re.findall(r"\[(\w)\]\(#\1\)", GLOSSARY[0].source) == letters == sorted(letters)


def test_entries_can_be_run_alone_after_the_cells_at_the_top():
    top = prepared(GLOSSARY)
    for entry in FOUND:
        reads, binds = names_in(entry.code.source)
        none(f"{entry.names[0]}: {name} is not made at the top" for name in reads - binds - top - set(dir(builtins)))
        none(f"{entry.names[0]}: {name} is made at the top, others need it" for name in binds & top)
    used = set().union(*(names_in(cell.source)[0] for cell in GLOSSARY if cell.cell_type == "code"))
    none(f"{name} is made at the top, and nothing uses it" for name in top - used)


# ---------------------------------------------------------------- the helpers, checked

def text(source):
    return nbformat.v4.new_markdown_cell(source)


def shows(output, source="1 + 1"):
    outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": output})] if output else []
    return nbformat.v4.new_code_cell(source, outputs=outputs)


LINK = "→ [notebook 01](01_pixels.ipynb#Tensors)"


@pytest.mark.parametrize("source, cell", [
    (f"### axis, axes\n\nA way to walk, with a `.5` in it. {LINK}", shows("2")),
    (f"### axis\n\nA way to walk. (Or nearly.) {LINK}\n\nMore. And more. And more:", shows("2")),
    (f"### axis\n\nStep 1 of [all](#all): to walk. {LINK}", shows("2", "a = 1\n\nb = 2\na\na + b")),
])
def test_form_of_an_entry_passes(source, cell):
    entry, = entries([text("# Glossary"), text(source), cell])
    assert problems_of(entry) == [] and entry.names[0] == "axis"


@pytest.mark.parametrize("source, cell, complaint", [
    (f"### axis\n\nA way to walk {LINK}", shows("2"), "one sentence"),
    (f"### axis\n\nA way. To walk. Far. {LINK}", shows("2"), "one sentence"),
    (f"### axis\n\n{LINK}", shows("2"), "one sentence"),
    ("### axis\n\nA way to walk.", shows("2"), "a link"),
    ("### axis\n\nA way to walk. → [here](#axis)", shows("2"), "a link"),
    ("### axis\n\nA way to walk. → [x](01_pixels.ipynb#Nowhere)", shows("2"), "does not exist"),
    ("### axis\n\nA way to walk. → [x](99_pixels.ipynb#Tensors)", shows("2"), "does not exist"),
    (f"### axis\n\nA **way** to walk. {LINK}", shows("2"), "bold"),
    (f"### axis\n\nA way to walk. {LINK}", text("## B"), "no code"),
    (f"### axis\n\nA way to walk. {LINK}", shows("2", "1\n2\n3\n4\n5"), "at most four"),
    (f"### axis\n\nA way to walk. {LINK}", shows(""), "shows nothing"),
    (f"### axis\n\nA way to walk. {LINK}", shows("None"), "shows nothing"),
])
def test_form_of_an_entry_is_checked(source, cell, complaint):
    entry, = entries([text(source), cell])
    assert any(complaint in problem for problem in problems_of(entry))


def test_an_entry_at_the_end_without_code_is_noticed():
    assert any("no code" in problem for problem in problems_of(entries([text(f"### axis\n\nA way. {LINK}")])[0]))


def test_forms_of_a_word():
    assert is_a_form("knots", "knot") and is_a_form("memorised", "memorise") and is_a_form("ReLU", "ReLU")
    assert not is_a_form("linear", "linear model") and not is_a_form("axes", "axis") and not is_a_form("loss", "los t")
    found = entries([text("### axis, axes\n\nA way."), shows("2")])
    assert entry_for("axes", found) is found[0] and entry_for("matrix", found) is None


def test_bold_places():
    lesson = [text("# 1 · Start\n\nA **seed**. **Look here.**"),
              text("## The `way`\n\nTwo **knots**.\n\n### In\n\n**Hessian**"),
              text("More of **loss**\n```\n**code**\n```"), text("1. **Loss.** and **Repeat** it"),
              text("<details>**folded**</details>")]
    here = "01_a.ipynb"
    assert bold_places({"01_a": lesson}) == {
        "seed": [(here, "1-·-Start")], "look here": [(here, "1-·-Start")], "knots": [(here, "The-way")],
        "hessian": [(here, "In")], "loss": [(here, "In")], "repeat": [(here, "In")]}


def test_terms_without_an_entry_and_links_to_other_sections_are_noticed():
    found = entries([text(f"### knot\n\nA place. {LINK}"), shows("2"),
                     text(f"### dead, dead unit\n\nOff. {LINK}"), shows("2")])
    assert unexplained(["knots", "dead unit", "speed"], found, {"speed": ""}) == []
    assert len(unexplained(["knots", "hinge"], found, {})) == 1
    assert len(unexplained([], found, {"knot": ""})) == 1
    here, there = ("01_pixels.ipynb", "Tensors"), ("01_pixels.ipynb", "Slicing")
    assert misled({"knots": [here], "dead": [there, here], "hinge": [there]}, found, {}) == []
    assert len(misled({"knots": [there]}, found, {})) == 1 and misled({"knots": [there]}, found, {"knots": ""}) == []


def test_order_letters_names_and_references_are_checked():
    def cells(*sources):
        return [cell for source in sources for cell in (text(source), shows("2"))]

    good = cells("## A\n\naxes: see [x](#x) · azure: see [b](#b)", "### a", "### aB", "## L", "### L1, mean",
                 "## M\n\nmean: see [L1](#L1,-mean)", "### m")
    assert misplaced(good) == []
    for wrong in [cells("## A", "### b"), cells("## A", "### ac", "### aB"), cells("## A", "### a", "### a"),
                  cells("## A", "### a, other"), cells("## A\n\nb: see [a](#a)", "### a"),
                  cells("## A\n\nac: see [a](#a) · ab: see [a](#a)", "### a"),
                  cells("## A\n\nab: see [a](#a)", "### a", "### ab"),
                  cells("## A", "### a, ac", "### ab, ac")]:
        assert misplaced(wrong), [cell.source for cell in wrong]


def test_names_that_code_reads_and_binds():
    assert names_in("a = b\n[c for c in d]\ndef e(f): return f") == ({"b", "c", "d", "f"}, {"a", "c", "e", "f"})
    top = [shows("", "import os, torch.nn.functional as F\nfrom a import b"), shows("", "c, d = 1, 2\ndef e(f): g = f"),
           shows("", "class E: g = 1"), text("### x"), shows("2", "h = 1")]
    assert prepared(top) == {"os", "F", "b", "c", "d", "e", "E"}
