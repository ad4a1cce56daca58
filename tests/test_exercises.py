"""Every exercise: its stub, its solution, its wrong answers and junk, each given to the check that the reader uses."""
import ast
import doctest
import re
import sys
import threading
import time

import nbformat
import pytest
import torch

from course.exercises import EXERCISES, check, hint, verdict
from tests.wrong_answers import answers
from tools.notebooks import ROOT, exercises_of, notebooks

TRIED = [one for file in sorted((ROOT / "tests" / "wrong_answers").glob("*.txt")) for one in answers(file)]
RIGHT = [answer for name, answer, part in TRIED if part is None]
COLLECTED = [one for one in TRIED if one[2] is not None]

BOOKS = {path.stem: nbformat.read(path, as_version=4) for path in notebooks()}
PLACES = {named[0]: (book, cell.source, solution) for book in BOOKS for cell, solution in exercises_of(BOOKS[book])
          if (named := re.findall(r"^(?:def|class) (\w+)", cell.source, re.M))}
each = pytest.mark.parametrize("name", EXERCISES)


def flat(text):
    return " ".join(text.split())


def namespace(book):
    """What a notebook has imported and defined before its exercises, without running what takes time."""
    names = {}
    for cell in BOOKS[book].cells:
        if cell.cell_type == "code" and not {"setup", "exercise", "check"} & set(cell.metadata.get("tags", [])):
            keep = [node for node in ast.parse(cell.source).body if "fastai" not in ast.unparse(node) and (
                isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef)) or
                isinstance(node, ast.FunctionDef) and not any("interact" in ast.unparse(d) for d in node.decorator_list))]
            keep = ast.parse(cell.source).body if "parameters" in cell.metadata.get("tags", []) else keep
            exec("import torch", names)
            exec(compile(ast.Module(keep, []), f"<{book}>", "exec"), names)
    return names


def written(name, which):
    """The function or class that a stub (1) or a solution (2) of an exercise makes, and its namespace."""
    names = namespace(PLACES[name][0])
    exec(compile(PLACES[name][which], f"<{name}>", "exec"), names)
    return names[name], names


def definition(source, name):
    return next(node for node in ast.parse(source).body if getattr(node, "name", "") == name)


# ---------------------------------------------------------------- the exercises

def test_each_exercise_stands_in_one_notebook_and_each_notebook_has_four_to_six():
    assert set(PLACES) == set(EXERCISES)
    counts = {book: sum(place[0] == book for place in PLACES.values()) for book in BOOKS}
    assert all(4 <= n <= 6 for book, n in counts.items() if book < "07"), counts


@each
def test_untouched_is_not_attempted(name):
    said = verdict(written(name, 1)[0])
    assert flat(said).startswith(f"{name}: not attempted yet. "), said


@each
def test_the_solution_is_right(name):
    said = verdict(written(name, 2)[0])
    assert flat(said).startswith(f"{name}: right. "), said


@pytest.mark.parametrize("answer", RIGHT, ids=[f"{answer.__name__}-{k}" for k, answer in enumerate(RIGHT)])
def test_a_right_answer_in_another_style_is_right(answer):
    said = verdict(answer)
    assert flat(said).startswith(f"{answer.__name__}: right. "), said


@each
def test_the_solution_fills_in_the_stub(name):
    """Same name, inputs, types and description: the stub is the solution without its code."""
    def outside(node):
        if isinstance(node, ast.ClassDef):
            return [node.name, [ast.unparse(b) for b in node.bases], ast.get_docstring(node),
                    [outside(m) for m in node.body if isinstance(m, ast.FunctionDef)]]
        return [node.name, ast.unparse(node.args), ast.unparse(node.returns or ast.Constant(None)), ast.get_docstring(node)]

    stub, solution = (definition(PLACES[name][k], name) for k in (1, 2))
    assert outside(stub) == outside(solution)
    functions = [n for n in ast.walk(stub) if isinstance(n, ast.FunctionDef)]
    assert all(arg.annotation for f in functions for arg in f.args.args if arg.arg != "self"), "the stub has types"


@each
def test_the_example_in_the_description_is_true(name):
    answer, names = written(name, 2)
    example = doctest.DocTestParser().get_doctest(answer.__doc__ or "", names, name, None, 0)
    report = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


@each
def test_hints_are_there_and_end(name, capsys):
    answer = written(name, 1)[0]
    hints = EXERCISES[name].hints
    assert len(hints) >= 2
    for number in (1, 2, 99, 0, None):
        hint(answer, number)
    said = capsys.readouterr().out
    assert all(flat(text)[:40] in flat(said) for text in hints[:2] + hints[-1:])


# ---------------------------------------------------------------- wrong answers

@each
def test_at_least_three_wrong_answers_are_tried(name):
    assert sum(wrong[0] == name for wrong in COLLECTED) >= 3


@pytest.mark.parametrize("name, answer, part", COLLECTED, ids=[f"{w[0]}-{k}" for k, w in enumerate(COLLECTED)])
def test_a_wrong_answer_gets_the_sentence_meant_for_it(name, answer, part):
    said = flat(verdict(answer))
    assert said.startswith(f"{name}: not yet, because ") and part in said, said


@pytest.mark.parametrize("name, sentence", [(n, s) for n in EXERCISES for s in EXERCISES[n].mistakes])
def test_a_known_mistake_is_told_from_the_others(name, sentence):
    mistake = EXERCISES[name].mistakes[sentence]
    if isinstance(mistake, type):
        answer = type(name, (mistake,), {"kept": True})
    else:
        def answer(*inputs):
            return mistake(*inputs)
        answer.__name__ = name
    assert flat(sentence) in flat(verdict(answer))


# ---------------------------------------------------------------- junk

def boom(*inputs):
    raise ValueError("a message of the reader's own")


JUNK = {
    "nothing": lambda *inputs: print("working", len(inputs)),
    "a text": lambda *inputs: "".join(["3"]),
    "a number": lambda *inputs: len(inputs) + 40,
    "an odd shape": lambda *inputs: torch.zeros(2, 0, 7) + len(inputs),
    "another kind": lambda *inputs: {"answer": [inputs]},
    "an error": boom,
    "itself": lambda *inputs: JUNK["itself"](*inputs),
    "the end": lambda *inputs: exit(len(inputs)),
    "no input": lambda: 3 + len(JUNK),
    "an interrupt": lambda *inputs: (_ for _ in ()).throw(KeyboardInterrupt(*[1])),
    "a strange error": lambda *inputs: (_ for _ in ()).throw(BaseException(*[1, 2])),
    "inputs": lambda *inputs: inputs[0] if inputs else None,
}


@pytest.mark.parametrize("junk", JUNK)
@each
def test_junk_gets_a_readable_answer(name, junk, monkeypatch):
    monkeypatch.setattr(EXERCISES[name], "seconds", 30)

    def answer(*inputs):
        return JUNK[junk](*inputs)
    answer = (lambda: JUNK[junk]()) if junk == "no input" else answer
    answer.__name__ = name
    said = verdict(answer)
    assert said.startswith(f"{name}: not yet, because "), said
    assert len(flat(said)) < 700 and "Traceback" not in said and "0x" not in said, said


@each
def test_an_empty_class_gets_a_readable_answer(name):
    class Answer:
        def __init__(self, *inputs, **more):
            self.inputs = inputs
    Answer.__name__ = name
    assert re.match(f"{name}: not (yet, because|attempted yet)", flat(verdict(Answer)))


@pytest.mark.parametrize("thing", [None, ..., 3, "ink", [1], torch.zeros(3), lambda images: 1, int, torch], ids=repr)
def test_what_is_no_exercise_is_said_to_be_none(thing, capsys):
    check(thing)
    hint(thing)
    said = capsys.readouterr().out
    assert said.count("the function or class that you wrote") == 2 or said.count("not yet, because") == 2


def test_an_answer_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(EXERCISES["ink"], "seconds", .3)

    def ink(images):
        while True:
            try:
                pass
            except Exception:
                pass
    started, threads = time.perf_counter(), threading.active_count()
    assert "has not finished after" in flat(verdict(ink))
    assert time.perf_counter() - started < 5 and threading.active_count() == threads


def test_an_answer_that_calls_check_is_told_so():
    def ink(images):
        check(ink)
    assert "your function calls check" in flat(verdict(ink))


def test_what_an_error_says_is_cut_short_and_names_no_place_of_the_machine():
    message = "in /home/ada/x.py at 0x7f00aa: " + "x." * 100_000

    def ink(images):
        raise ValueError(message)
    started = time.perf_counter()
    said = verdict(ink)
    assert len(said) < 700 and "/home" not in said and "0x7" not in said and time.perf_counter() - started < 5


def test_an_answer_that_closes_or_floods_the_output_does_no_harm(capsys):
    def ink(images):
        print("a line\n" * 100_000)
        sys.stdout.close()
    assert "It also printed 'a line'" in flat(verdict(ink))
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_a_check_leaves_no_trace():
    def ink(images):
        torch.manual_seed(5)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        return (images > 0).float().mean((1, 2)) + torch.rand(1)
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    said = [verdict(ink) for _ in range(2)]
    assert torch.equal(torch.rand(3), wanted) and torch.is_grad_enabled() and said[0] == said[1]
    assert torch.get_default_dtype() == torch.float32
