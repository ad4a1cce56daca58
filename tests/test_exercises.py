"""Every exercise: its stub, its solution, its wrong answers and junk, each given to the check that the reader uses."""
import ast
import collections
import doctest
import functools
import itertools
import os
import random
import re
import sys
import threading
import time
import warnings

import nbformat
import numpy as np
import pytest
import torch

from course import exercises
from course.exercises import EXERCISES, check, compared, hint, need, verdict
from tests.wrong_answers import answers
from tools.notebooks import ROOT, exercises_of, notebooks

TRIED = [one for file in sorted((ROOT / "tests" / "wrong_answers").glob("*.txt")) for one in answers(file)]
RIGHT = [answer for _, answer, part in TRIED if part is None]
WRONG = [one for one in TRIED if one[2] is not None]

BOOKS = {path.stem: nbformat.read(path, as_version=4) for path in notebooks()}
PLACES = {named[0]: (book, cell.source, solution) for book in BOOKS for cell, solution in exercises_of(BOOKS[book])
          if (named := re.findall(r"^(?:def|class) (\w+)", cell.source, re.M))}
each = pytest.mark.parametrize("name", EXERCISES)


def said_of(answer) -> str:
    """What check says, in one line."""
    return " ".join(verdict(answer).split())


def under(name, function):
    """The function under the name of an exercise."""
    def answer(*inputs):
        return function(*inputs)
    answer.__name__ = name
    return answer


@functools.cache
def namespace(book):
    """What a notebook has imported and defined before its exercises, without running what takes time."""
    names = {"torch": torch}
    for cell in BOOKS[book].cells:
        if cell.cell_type == "code" and not {"setup", "exercise", "check"} & set(cell.metadata.get("tags", [])):
            keep = [node for node in ast.parse(cell.source).body if "fastai" not in ast.unparse(node) and (
                isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef)) or
                isinstance(node, ast.FunctionDef) and not any("interact" in ast.unparse(d) for d in node.decorator_list))]
            keep = ast.parse(cell.source).body if "parameters" in cell.metadata.get("tags", []) else keep
            exec(compile(ast.Module(keep, []), f"<{book}>", "exec"), names)
    return names


def written(name, which):
    """What a stub (1) or a solution (2) of an exercise makes, and its namespace."""
    names = dict(namespace(PLACES[name][0]))
    exec(compile(PLACES[name][which], f"<{name}>", "exec"), names)
    return names[name], names


# ---------------------------------------------------------------- the exercises

def test_each_exercise_stands_in_one_notebook_and_each_notebook_has_four_to_six():
    assert set(PLACES) == set(EXERCISES)
    counts = {book: sum(place[0] == book for place in PLACES.values()) for book in BOOKS}
    assert all(4 <= n <= 6 for book, n in counts.items() if book < "07"), counts


@each
def test_untouched_is_not_attempted_and_the_solution_is_right(name):
    for which, says in ((1, f"{name}: not attempted yet. "), (2, f"{name}: right. ")):
        said = said_of(written(name, which)[0])
        assert said.startswith(says), said


@each
def test_the_solution_fills_in_the_stub(name):
    def outside(node):
        if isinstance(node, ast.ClassDef):
            return [node.name, [ast.unparse(b) for b in node.bases], ast.get_docstring(node),
                    [outside(m) for m in node.body if isinstance(m, ast.FunctionDef)]]
        return [node.name, ast.unparse(node.args), ast.unparse(node.returns or ast.Constant(None)), ast.get_docstring(node)]

    stub, solution = (next(node for node in ast.parse(PLACES[name][k]).body if getattr(node, "name", "") == name)
                      for k in (1, 2))
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
def test_hints_and_the_other_texts_are_there(name, capsys):
    exercise = EXERCISES[name]
    assert len(exercise.hints) >= 2 and exercise.right
    for number in (1, 2, 99, 0, None):
        hint(written(name, 1)[0], number)
    said = " ".join(capsys.readouterr().out.split())
    assert all(" ".join(text.split())[:40] in said for text in exercise.hints[:2] + exercise.hints[-1:])
    told = {text.split(": ", 1)[1] for mark, text in exercises.TEXTS[name] if mark == "! "}
    assert told <= set(exercise.mistakes) and min(map(len, exercise.mistakes), default=40) >= 40, "each mistake has a sentence"


# ---------------------------------------------------------------- answers in another style, and wrong ones

@pytest.mark.parametrize("answer", RIGHT, ids=[f"{answer.__name__}-{k}" for k, answer in enumerate(RIGHT)])
def test_a_right_answer_in_another_style_is_right(answer):
    assert said_of(answer).startswith(f"{answer.__name__}: right. "), said_of(answer)


@pytest.mark.parametrize("name, answer, part", WRONG, ids=[f"{w[0]}-{k}" for k, w in enumerate(WRONG)])
def test_a_wrong_answer_gets_the_sentence_meant_for_it(name, answer, part):
    said = said_of(answer)
    assert said.startswith(f"{name}: not yet, because ") and part.lower() in said.lower(), said


@pytest.mark.parametrize("name, sentence", [(n, s) for n in EXERCISES for s in EXERCISES[n].mistakes])
def test_a_known_mistake_is_told_from_the_others(name, sentence):
    mistake = EXERCISES[name].mistakes[sentence]
    answer = type(name, (mistake,), {"kept": True}) if isinstance(mistake, type) else under(name, mistake)
    assert " ".join(sentence.split()) in said_of(answer)


@pytest.fixture
def toys(monkeypatch):
    """Small exercises: a tensor, two numbers, and random numbers come out."""
    for name in ("shares", "ends", "drawn"):
        monkeypatch.setitem(EXERCISES, name, None)

    def table():
        return torch.randint(1, 9, torch.randint(2, 6, (2,)).tolist()) / 4, torch.randint(2, 7, ()).item() / 4

    @compared(cases=list, random=table)
    def shares(table, least):
        return (table >= least).float().mean(1)

    @compared(cases=lambda: [([3., 1., 2.],), ([5., 7.],), ([4., 4., 9., 2.],)])
    def ends(values):
        return min(values), max(values)

    @compared(cases=lambda: [(2,), (3,)])
    def drawn(n):
        return torch.rand(n)


def in_a_loop(table, least):
    for row in table:
        return (row >= least).float().mean()


def in_place(table, least):
    table -= least
    return (table >= 0).float().mean(1)


Ends = collections.namedtuple("Ends", "low high")
ABOVE = {
    "nothing comes back (None). End your code with return": lambda table, least: print(least),
    "With the first element alone, the same comes out. Does a return inside the loop": in_a_loop,
    "changes the tensor that it is given": in_place,
    "stays the same when least changes: is it used?": lambda table, least: (table >= 1.).float().mean(1),
    "right with axes 0 and 1 of table exchanged": lambda table, least: (table >= least).float().mean(0),
    "A sum or a count comes out where a mean or a fraction is wanted": lambda table, least: (table >= least).sum(1).float(),
    "Every number is 3 times": lambda table, least: 3 * (table >= least).float().mean(1),
    "holds True and False, and floats are wanted": lambda table, least: (table >= least).float().mean(1) > .5,
    "is an import missing":   # each on a line of its own: check shows the line
        lambda table, least: F.relu(table),                      # noqa: F821
    "spelt otherwise":
        lambda table, least: missing + table,                    # noqa: F821
    "right": lambda table, least: (table >= least).float().mean(1).numpy(),
}
BETWEEN = {
    "with [5.0, 7.0]: in the first of 2 results, 7.0 comes out where 5.0 is wanted. The two results have changed places.":
        lambda values: (max(values), min(values)),
    "changes the list that it is given": lambda values: (values.sort(), (values[0], values[-1]))[1],
    "right": lambda values: Ends(np.float32(min(values)), np.float64(max(values))),
}


@pytest.mark.parametrize("name, says, function", [
    *[("shares", *row) for row in ABOVE.items()], *[("ends", *row) for row in BETWEEN.items()],
    ("drawn", "right", lambda n: torch.rand(n))])
def test_general_words_say_what_a_second_run_shows(name, says, function, toys):
    function.__name__ = name
    assert says in said_of(function), said_of(function)


def test_a_second_run_makes_no_answer_late(toys, monkeypatch):
    def shares(table, least):
        time.sleep(.01)
        return 0 * table[:, 0]
    for seconds, found in (2, True), (.05, False):
        monkeypatch.setattr(exercises, "AGAIN", seconds)
        assert ("is it used?" in said_of(shares)) is found


# ---------------------------------------------------------------- junk, and what a check protects from

JUNK = {
    "nothing": lambda *inputs: print("working", len(inputs)),
    "a text": lambda *inputs: "".join(["3"]),
    "an odd shape": lambda *inputs: torch.zeros(2, 0, 7) + len(inputs),
    "an interrupt": lambda *inputs: (_ for _ in ()).throw(KeyboardInterrupt(*[1])),
    "itself": lambda *inputs: JUNK["itself"](*inputs),
    "the end": lambda *inputs: exit(len(inputs)),
    "no input": lambda: 3 + len(JUNK),
    "inputs": lambda *inputs: inputs[0] if inputs else None,
}
FULLY = ("boldest", "stops_at", "Momentum", "learn_two_digits")            # the other exercises get one kind of junk each


@pytest.mark.parametrize("name, junk", [(name, junk) for k, name in enumerate(EXERCISES) for j, junk in enumerate(JUNK)
                                        if name in FULLY or j == k % len(JUNK)])
def test_junk_gets_a_readable_answer(name, junk):
    answer = under(name, JUNK[junk])
    if junk == "no input":
        answer = lambda: JUNK[junk]()                            # noqa: E731
        answer.__name__ = name
    said = verdict(answer)
    assert said.startswith(f"{name}: not yet, because "), said
    assert len(said) < 700 and "Traceback" not in said and "0x" not in said, said


@each
def test_an_empty_class_gets_a_readable_answer(name):
    empty = type(name, (), {"__init__": lambda self, *inputs, **more: setattr(self, "inputs", inputs)})
    assert re.match(f"{name}: not (yet, because|attempted yet)", said_of(empty))


@pytest.mark.parametrize("thing", [None, ..., 3, "ink", [1], torch.zeros(3), lambda images: 1, int, torch],
                         ids=lambda thing: type(thing).__name__)
def test_what_is_no_exercise_is_said_to_be_none(thing, capsys):
    check(thing)
    hint(thing)
    said = capsys.readouterr().out
    assert said.count("not yet, because") == 2 and " ".join(said.split()).count("function or class that you wrote") == 2


def forever(images):
    while True:
        try:
            time.sleep(.01)
        except Exception:
            pass


def growing(images):
    return list(str(k) * 10_000 for k in itertools.count())


@pytest.mark.parametrize("ink, says", [(forever, "has not finished after 1 seconds"), (growing, "GB of memory")])
def test_an_answer_that_never_ends_or_fills_the_memory_is_stopped(ink, says, monkeypatch):
    monkeypatch.setattr(EXERCISES["ink"], "seconds", .6 if ink is forever else 30)
    monkeypatch.setattr(exercises, "MEMORY", 200_000_000)
    started, threads = time.perf_counter(), threading.active_count()
    assert says in said_of(under("ink", ink)) and time.perf_counter() - started < 5 and threading.active_count() == threads


def test_an_answer_that_calls_check_is_told_so():
    def ink(images):
        check(ink)
    assert "your function calls check" in said_of(ink)


def test_what_an_error_says_is_cut_short_and_names_no_path_of_the_machine():
    message = "in /home/ada/x.py at 0x7f00aa: " + "x." * 100_000

    def ink(images):
        raise ValueError(message)
    said = verdict(ink)
    assert len(said) < 700 and "/home" not in said and "0x7" not in said


def test_an_answer_that_floods_the_output_does_no_harm(capsys):
    def ink(images):
        print("a line\n" * 100_000)
    assert "It also printed 'a line'" in said_of(ink)
    assert not capsys.readouterr().out


def test_a_check_leaves_no_trace(tmp_path, monkeypatch):
    def ink(images):
        drawn = torch.rand(1) + random.random() + np.random.rand()
        exercises.seeded(5)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_printoptions(precision=1)
        warnings.simplefilter("error")
        os.chdir(tmp_path)
        sys.stdout = sys.stderr = None
        return drawn

    def state():
        return (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), torch.is_grad_enabled(),
                torch.get_default_dtype(), str(torch.tensor(1 / 3)), warnings.filters[:], os.getcwd(), sys.stdout, sys.stderr)
    for judge in (EXERCISES["ink"].judge, lambda answer: need(False, f"{answer(None)} is wrong.")):
        monkeypatch.setattr(EXERCISES["ink"], "judge", judge)
        said = []
        for seed in range(3):
            exercises.seeded(seed)
            before = state()
            said.append(verdict(ink))
            assert state() == before
        assert len(set(said)) == 1, said
