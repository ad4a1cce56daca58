"""The checks behind the exercises: check(answer) says how far you are, hint(answer) helps without telling all.

The exercises stand in course/judges/, a file for each notebook: @compared(…) above a reference, whose results the answer has
to give for all cases, or @tried above a trial, which uses the answer and calls need(condition, sentence). `mistakes` are
known wrong answers; for others, general words (words.py) say what holds for all wrong results. Beside it is a text file:
hints (- …), what is said to those who make a known mistake (! mistake: …), and to those who have it (right: …).
Whatever an answer does, nothing here raises an error, waits for ever or fills the memory, and kept() puts much back.
"""
from __future__ import annotations

import collections
import contextlib
import copy
import ctypes
import dis
import functools
import importlib
import inspect
import io
import itertools
import os
import random
import re
import textwrap
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import numpy as np
import psutil
import torch
from torch import Tensor

from course import text_of
from course.words import a_kind, described, explained, fact, leaves, numeric, remarks, rounded, same  # noqa: F401 (the judges', too)

MEMORY = 1_500_000_000                # how many bytes an answer may add to this process
AGAIN = 2                             # how many seconds its second run may take
JUDGES = Path(__file__).parent / "judges"
EXERCISES: dict[str, tried] = {}
TEXTS: dict[str, list[tuple[str, str]]] = {}                     # for each exercise the marks and texts of its text file
for _file in JUDGES.glob("*.txt"):
    for _block in text_of(_file).split("=== ")[1:]:
        _name, *_parts = re.split(r"\n(- |! |right: )", _block)
        TEXTS[_name] = list(zip(_parts[::2], _parts[1::2]))

# One case, the seed for its random numbers, and what came out of the answer and of the reference.
Try = collections.namedtuple("Try", "seed case got wanted")


class NotYet(Exception):
    """The answer is not right yet; the text says why."""


def need(condition: Any, sentence: str) -> None:
    """In a trial: go on when the condition holds, else end with `not yet, because` and the sentence."""
    if not condition:
        raise NotYet(sentence)


@dataclass
class tried:
    """A decorator: the function below, a trial of the answer, is the judge of the exercise that has its name."""
    seconds: float = 10                 # how long the answer may take
    untouched: Callable | None = None   # the code that the notebook gives, where it is more than an empty stub
    mistakes: dict[str, Callable] = field(default_factory=dict)

    def __call__(self, function: Callable) -> Callable:
        self.function = function
        texts = TEXTS.get(function.__name__, [])
        self.hints = [text for mark, text in texts if mark == "- "]
        self.right = "".join(text for mark, text in texts if mark == "right: ")
        sentences = dict(text.split(": ", 1) for mark, text in texts if mark == "! ")
        self.mistakes = {sentences.get(short, short): mistake for short, mistake in self.mistakes.items()}
        EXERCISES[function.__name__] = self
        return function

    def judge(self, answer) -> None:
        """Raise NotYet with a sentence, or return."""
        self.function(answer)


@dataclass
class compared(tried):
    """A decorator: the function below is the reference of the exercise that has its name."""
    cases: Callable[[], Iterable[tuple]] = list                  # makes the inputs, a tuple of arguments each
    random: Callable[[], tuple] | None = None                    # makes one more, `tries` times, with the seeds 1, 2, …
    tries: int = 20
    probe: Callable = lambda answer, *case: answer(*case)        # what is compared, if not the result

    @functools.cached_property
    def known(self) -> tuple[list[tuple], list, dict[str, list]]:
        """All cases, and what comes out of the reference and of each mistake."""
        cases = list(self.cases())
        for seed in range(1, self.tries + 1 if self.random else 1):
            seeded(seed)
            cases.append(self.random())

        def results(function) -> list:
            return [self.run(function, seed, case) for seed, case in enumerate(cases)]
        return cases, results(self.function), {sentence: results(mistake) for sentence, mistake in self.mistakes.items()}

    def run(self, function: Callable, seed: int, case: tuple) -> Any:
        return outcome(self.probe, function, copy.deepcopy(case), seed)

    def judge(self, answer) -> None:
        """If results are wrong: say which known mistake explains them, or in general words what is to see."""
        cases, wanted, mistakes = self.known
        got = [watched(self.probe, answer, case, seed) for seed, case in enumerate(cases)]
        tries = list(map(Try, itertools.count(), cases, got, wanted))
        wrong, sound = ([t for t in tries if same(t.got, t.wanted) is right] for right in (False, True))
        if not wrong:
            return
        best, most = "", 0
        for sentence, found in mistakes.items():
            alike = sum(same(t.got, found[t.seed]) for t in wrong)
            if alike > most and all(same(t.got, found[t.seed]) for t in [wrong[0], *sound]):
                best, most = sentence, alike
        need(most < max(min(2, len(wrong)), len(wrong) / 4), best)                                 # one may agree by chance
        if isinstance(wrong[0].got, Exception):
            raise wrong[0].got
        wrong = [t for t in wrong if not isinstance(t.got, Exception)]
        sentence, remark = in_general_words(wrong, sound)
        again = "" if wrong[0].got is None else self.run_again(answer, wrong, sound)
        raise NotYet(f"{sentence} {again or remark}")

    def run_again(self, answer, wrong: list[Try], sound: list[Try]) -> str:
        """What a second run with changed inputs shows: one is not used, only its first element is, or an axis is wrong."""
        until = time.perf_counter() + AGAIN
        tries = [*wrong[:6], *sound[:12]]                        # wrong ones alone may be alike in more than the mistake
        own, given = (list(inspect.signature(f).parameters) for f in (answer, self.probe))
        given = own if given[1:] == ["case"] else given[1:]      # what a probe gives to the answer has one name in both
        names = {k: name for k, name in enumerate(given[:min(len(t.case) for t in (*wrong, *sound))]) if name in own}

        def with_one(t: Try, k: int, value) -> tuple:
            return (*t.case[:k], value, *t.case[k + 1:])

        def no_matter(changed: Iterable[tuple[Try, tuple]]) -> bool:
            """Whether these other cases never change the answer's result, and at least four times the reference's."""
            count = 0
            for t, case in changed:
                if time.perf_counter() > until or not same(self.run(answer, t.seed, case), t.got):
                    return False
                other = self.run(self.function, t.seed, case)
                count += not isinstance(other, Exception) and not same(other, t.wanted)
            return count >= 4

        unused = [name for k, name in names.items() if no_matter(
            (t, with_one(t, k, value)) for t in tries for value in others(t.case[k], [*wrong, *sound], k))]
        if unused:
            return f"Your result stays the same when {' or '.join(unused)} changes: is it used?"
        longest = [(t, n) for t in tries if (n := max(map(length, t.case), default=0)) > 1]
        if no_matter((t, tuple(v[:1] if length(v) == n else v for v in t.case)) for t, n in longest):
            return "With the first element alone, the same comes out. Does a return inside the loop end it in its first round?"
        for k, name in names.items():
            for a, b in itertools.combinations(range(min(getattr(t.case[k], "ndim", 0) for t in tries)), 2):
                turned = [self.run(self.function, t.seed, with_one(t, k, t.case[k].transpose(a, b))) for t in tries]
                if all(same(t.got, r) or isinstance(r, Tensor) and r.ndim > b and same(t.got, r.transpose(a, b))
                       for t, r in zip(tries, turned)):
                    return f"It would be right with axes {a} and {b} of {name} exchanged: you work along the wrong one."
        return ""


def in_general_words(wrong: list[Try], sound: list[Try]) -> tuple[str, str]:
    """What is to see in one wrong result, and a remark that is true of every wrong result."""
    others_right = any(numeric(t.wanted) is None or numeric(t.wanted).any() for t in sound)
    told = [list(remarks(t.case, t.got, t.wanted, others_right, len(wrong) > 1)) for t in wrong]
    common = next((remark for remark in told[0] if all(remark in more for more in told)), "")
    alike = [t for t in wrong if "comes out" in fact(t.got, t.wanted)] if "comes out" in fact(*wrong[0][2:]) else wrong[:1]
    shown = min(alike, key=lambda t: sum(v.numel() or 99 if isinstance(v, Tensor) else 1 for v in leaves(t.case)))
    but = "it is right for other inputs, but with" if len(sound) >= len(wrong) else "with"
    return f"{but} {described(shown.case)}: {fact(shown.got, shown.wanted)}", common


def length(value) -> int:
    return len(value) if isinstance(value, list) or isinstance(value, Tensor) and value.ndim else 0


def others(value, tries: list[Try], k: int) -> list:
    """Up to three other values for input number k, of the same kind and size: turned round, with zeros, from other cases."""
    found = [t.case[k] for t in tries if type(t.case[k]) is type(value)]
    if length(value):                                            # a mean is the same when turned round
        found[:0] = [value.flip(0), torch.cat([value[:1] * 0, value[1:]])] if isinstance(value, Tensor) else [value[::-1]]
    shape = getattr(value, "shape", length(value))
    return [other for other in found if getattr(other, "shape", length(other)) == shape and not same(other, value)][:3]


def check(answer=None) -> None:
    """Say whether an answer, the function or class with the exercise's name, is right, not yet, or not attempted."""
    print(verdict(answer))


def hint(answer=None, number: int = 1) -> None:
    """Give a hint for an exercise; hint(answer, 2) gives the next one."""
    name, exercise = named(answer)
    if exercise:
        number = min(max(number, 1), len(exercise.hints)) if isinstance(number, int) else 1
        more = f"One more: hint({name}, {number + 1})." if number < len(exercise.hints) else "That was the last one."
        name = wrapped(f"{name}, hint {number} of {len(exercise.hints)}. {exercise.hints[number - 1]} {more}")
    print(name)


def verdict(answer) -> str:
    """What check prints: `name: right. …`, `name: not yet, because …` or `name: not attempted yet. …`."""
    if threading.current_thread().name == "an answer":
        raise NotYet("your function calls check. Move that line out of it, into a cell of its own.")
    name, exercise = named(answer)
    if exercise is None:
        return name
    error, printed = NotImplementedError(), ""
    if not is_untouched(answer, exercise.untouched):
        error, printed = guarded(lambda: exercise.judge(answer), exercise.seconds)
    if error is None:
        return wrapped(f"{name}: right. {exercise.right}")
    if type(error) is NotImplementedError and not error.args:    # with a text it is PyTorch's or Jupyter's
        return wrapped(f"{name}: not attempted yet. Write your answer in the cell above, run it, and then this one "
                       f"again. hint({name}) helps.")
    because = str(error) if isinstance(error, NotYet) else explained(error, answer)
    first = printed.strip().partition("\n")[0][:60]
    also = f"(It also printed {first!r}; printing shows a value, only return hands it back.)" if first else ""
    return wrapped(f"{name}: not yet, because {because} {also}")


def named(answer) -> tuple[str, tried | None]:
    """The exercise's name and the exercise, or what there is to say of something else, and None."""
    name = getattr(answer, "__name__", None) or type(answer).__name__
    if name in EXERCISES and callable(answer):
        return name, EXERCISES[name]
    what = f"{name!r} is the name of no exercise" if callable(answer) else f"this is {a_kind(answer)}"
    return wrapped(f"not yet, because {what}: give check the function or class that you wrote, with the name that it has in "
                   "the exercise. The name is what stands behind def or class; ink = lambda images: … gives none."), None


def wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 88, break_on_hyphens=False, break_long_words=False)


def is_untouched(answer, given: Callable | None = None) -> bool:
    """Whether a function or class still is what the notebook gave: the code of `given`, or nothing at all."""
    if inspect.isclass(answer):
        methods = [function for function in vars(answer).values() if inspect.isfunction(function)]
        return bool(methods) and all(map(is_untouched, methods))
    code = getattr(inspect.unwrap(answer), "__code__", None)
    return code is not None and gist(code) == gist((given or (lambda: None)).__code__)


def gist(code) -> list:
    """What a function names, uses and compares, in order; the rest of its bytecode depends on where it was compiled."""
    kinds = "LOAD", "STORE", "COMPARE", "BINARY", "UNARY", "IS_", "CONTAINS", "RETURN_CONST"
    return [gist(i.argval) if inspect.iscode(i.argval) else (i.opname if i.argval is None else "", i.argval)
            for i in dis.get_instructions(code) if i.opname.startswith(kinds)]


# ---------------------------------------------------------------- running what somebody else wrote

PUT_BACK = [                            # what an answer may set: how to ask for it, and how to set it again
    (random.getstate, random.setstate), (np.random.get_state, np.random.set_state), (torch.get_rng_state, torch.set_rng_state),
    (torch.get_default_dtype, torch.set_default_dtype), (os.getcwd, os.chdir),
    (lambda: dict(vars(torch._tensor_str.PRINT_OPTS)), lambda options: torch.set_printoptions(**options))]


@contextlib.contextmanager
def kept(printed: io.StringIO) -> Iterator[None]:
    """Put back random numbers, default type, folder, how tensors print, outputs and warnings as they were."""
    before = [(put, ask()) for ask, put in PUT_BACK]
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for put, state in before:
                put(state)


def guarded(job: Callable, seconds: float) -> tuple[BaseException | None, str]:
    """Run job() in a thread: the exception that it ends with, or None, and what it printed."""
    printed, stopped, ended = io.StringIO(), "", []

    def run():
        try:
            seeded(0)
            job()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, name="an answer", daemon=True)
    held, until = psutil.Process().memory_info, time.perf_counter() + seconds
    before = held().rss
    with kept(printed):
        thread.start()
        try:
            while thread.is_alive() and not stopped:
                thread.join(.05)
                if held().rss - before > MEMORY:
                    stopped = f"it had filled {MEMORY / 1e9:.1f} GB of memory when it was stopped. Does it grow without end?"
                elif time.perf_counter() > until:
                    stopped = (f"it has not finished after {seconds:.0f} seconds and was stopped. Is there a loop that never "
                               "ends, or one over pixels or images that a single operation on the whole tensor could do?")
        finally:
            for _ in range(20):                                  # stopped, or interrupted: end it where Python lets us
                if thread.is_alive():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
                    thread.join(.05)
    return NotYet(stopped) if stopped else ended[0] if ended else None, printed.getvalue()


def seeded(seed: int) -> None:
    """Begin with this seed wherever random numbers come from; torch.manual_seed asks all devices, and that takes long."""
    for begin in (random.seed, np.random.seed, torch.default_generator.manual_seed):
        begin(seed)


def outcome(probe: Callable, answer: Callable, case: tuple, seed: int) -> Any:
    """The result of an answer for one case, or the exception that it raised."""
    seeded(seed)
    try:
        return probe(answer, *case)
    except Exception as error:
        return error


def watched(probe: Callable, answer: Callable, case: tuple, seed: int) -> Any:
    """The same for the reader's answer, which must not change its inputs."""
    given = copy.deepcopy(case)
    parts = list(leaves(given))
    got = outcome(probe, answer, given, seed)
    if isinstance(got, NotYet):
        raise got
    in_place = list(map(id, parts)) == list(map(id, leaves(given)))               # the list holds what it has held
    what, made = ("tensor", ".clone()") if in_place else ("list", "list(…)")
    need(isinstance(got, Exception) or same(given, case), f"your code changes the {what} that it is given, and whoever called "
         f"it is left with the changed one. Work on a copy, made with {made}.")
    return got


def stack_of_images(n: int = 3, rows: int = 28, columns: int = 28, seed: int = 0) -> Tensor:
    """Images that are easy to tell apart: float32 (n, rows, columns) in 0…1, nearly half of the pixels black."""
    values = torch.rand(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    return ((values - .4).clamp(min=0) / .6 * 100).round() / 100


for _file in sorted(JUDGES.glob("[a-z]*.py")):       # these import from here what stands above
    importlib.import_module(f"course.judges.{_file.stem}")
