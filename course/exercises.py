"""The checks behind the exercises: check(answer) says how far you are, hint(answer) helps without telling all.

The exercises stand in course/judges/, a file for each notebook: @compared(…) above a reference, whose results the answer has
to give for all cases, or @tried above a trial, which uses the answer and calls need(condition, sentence). `mistakes` maps
a sentence to the wrong answer of whoever should read it; else general words (words.py) say what holds for all wrong results.
Hints, and what there is to know for those who have the answer, are in the text file beside.
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
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor

from course import text_of
from course.words import a_kind, described, explained, fact, kind, leaves, numeric, remarks, rounded, same  # noqa: F401 (the judges', too)


@dataclass
class Exercise:
    """One exercise: `judge(answer)` raises NotYet with a sentence, or returns."""
    judge: Callable[[Any], None]
    hints: Sequence[str]
    right: str                          # what there is to know for those who have it
    seconds: float = 10                 # how long the answer may take
    untouched: Callable | None = None   # the code that the notebook gives, where it is more than an empty stub
    mistakes: dict[str, Callable] = field(default_factory=dict)


# One case, the seed for its random numbers, and what came out of the answer and of the reference.
Try = collections.namedtuple("Try", "seed case got wanted")
EXERCISES: dict[str, Exercise] = {}
MEMORY = 1_500_000_000                # how many bytes an answer may add to this process


JUDGES = Path(__file__).parent / "judges"


def texts(files: Iterable[Path]) -> dict[str, tuple[list[str], str]]:
    """What the text files say of each exercise: its hints, and what there is to know for those who have it."""
    found = collections.defaultdict(lambda: ([], ""))
    for block in itertools.chain(*(text_of(file).split("=== ")[1:] for file in files)):
        name, *hints, right = re.split(r"\n(?:- |right: )", block)
        found[name] = hints, right
    return found


TEXTS = texts(JUDGES.glob("*.txt"))


class NotYet(Exception):
    """The answer is not right yet; the text says why."""


def need(condition: Any, sentence: str) -> None:
    """In a trial: go on when the condition holds, else end with `not yet, because` and the sentence."""
    if not condition:
        raise NotYet(sentence)


def compared(cases: Callable[[], Iterable[tuple]], mistakes: dict[str, Callable] | None = None,
             probe: Callable = lambda answer, *case: answer(*case), random: Callable[[], tuple] | None = None,
             tries: int = 20, **more):
    """Register the decorated function as the reference of the exercise that has its name.

    cases: makes the inputs, a tuple of arguments each; random makes one more, `tries` times, with PyTorch's seeds 1, 2, …
    probe(answer, *case): what is compared, if not the result.
    """
    def register(reference):
        def run(function, seed, case):
            return outcome(probe, function, copy.deepcopy(case), seed)

        @functools.cache
        def known() -> list[tuple[int, tuple, Any]]:
            made = list(cases())
            for seed in range(1, tries + 1 if random else 1):
                torch.manual_seed(seed)
                made.append(random())
            return [(seed, case, run(reference, seed, case)) for seed, case in enumerate(made)]

        def judge(answer):
            done = [Try(k, case, watched(probe, answer, case, k), wanted) for k, case, wanted in known()]
            wrong, sound = ([t for t in done if same(t.got, t.wanted) is right] for right in (False, True))
            if not wrong:
                return

            def agreeing(mistake) -> int:
                """How many wrong results this mistake explains; 0 if it does not agree with the right ones."""
                agree = (same(t.got, run(mistake, t.seed, t.case)) for t in [wrong[0], *sound])
                return all(agree) and sum(same(t.got, run(mistake, t.seed, t.case)) for t in wrong)

            for sentence, count in sorted(((k, agreeing(v)) for k, v in (mistakes or {}).items()), key=lambda known: -known[1]):
                need(count < max(min(2, len(wrong)), len(wrong) / 4), sentence)                     # one may agree by chance
            if isinstance(wrong[0].got, Exception):
                raise wrong[0].got
            wrong = [t for t in wrong if not isinstance(t.got, Exception)]
            sentence, remark = in_general_words(wrong, sound)
            shown = "" if wrong[0].got is None else shown_again(run, answer, reference, probe, wrong, sound)
            raise NotYet(f"{sentence} {shown or remark}")

        EXERCISES[reference.__name__] = Exercise(judge, *TEXTS[reference.__name__], mistakes=mistakes or {}, **more)
        return reference
    return register


def tried(**more):
    """Register the decorated function, a trial of the answer, as the judge of the exercise that has its name."""
    def register(trial):
        EXERCISES[trial.__name__] = Exercise(trial, *TEXTS[trial.__name__], **more)
        return trial
    return register


def check(answer=None) -> None:
    """Say whether an answer, the function or class with the exercise's name, is right, not yet, or not attempted."""
    print(verdict(answer))


def hint(answer=None, number: int = 1) -> None:
    """Give a hint for an exercise; hint(answer, 2) gives the next one."""
    name, exercise = named(answer)
    hints = exercise.hints if exercise else []
    number = min(max(number, 1), len(hints)) if type(number) is int else 1
    more = f"One more: hint({name}, {number + 1})." if number < len(hints) else "That was the last one."
    print(wrapped(f"{name}, hint {number} of {len(hints)}. {hints[number - 1]} {more}") if exercise else name)


def verdict(answer) -> str:
    """What check prints: `name: right. …`, `name: not yet, because …` or `name: not attempted yet. …`."""
    if isinstance(threading.current_thread(), Checking):
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
    first = printed.strip().splitlines()[:1]
    also = f"(It also printed {first[0][:60]!r}; printing shows a value, only return hands it back.)" if first else ""
    return wrapped(f"{name}: not yet, because {because} {also}")


def named(answer) -> tuple[str, Exercise | None]:
    """The exercise's name and the exercise, or a text and None; a lambda has the name of the variable that holds it."""
    name = getattr(answer, "__name__", None) or type(answer).__name__
    frame = inspect.currentframe() if name not in EXERCISES and callable(answer) else None
    while frame:
        name = next((key for key in EXERCISES if frame.f_locals.get(key) is answer), name)
        frame = frame.f_back
    if name in EXERCISES and callable(answer):
        return name, EXERCISES[name]
    what = f"{name!r} is the name of no exercise" if callable(answer) else f"this is {a_kind(answer)}"
    return wrapped(f"not yet, because {what}: give check the function or class that you wrote, with the name that it has in "
                   "the exercise. What you made without def gets a name by =, as in ink = lambda images: …"), None


def wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 88, break_on_hyphens=False, break_long_words=False)


class Checking(threading.Thread):
    """The thread in which an answer runs, and the exception that it ends with."""
    error: BaseException | None = None

    def run(self):
        try:
            seeded(0)
            super().run()
        except BaseException as error:
            self.error = error


class Printed(io.StringIO):
    """What an answer prints, as far as anybody would read it."""
    def write(self, text: str) -> int:
        return super().write(text[:1000]) if not self.closed and self.tell() < 10_000 else len(text)

    def close(self) -> None:                                     # some answers close sys.stdout
        pass


@contextlib.contextmanager
def kept(printed: Printed) -> Iterator[None]:
    """Put back what an answer may set: random numbers, default type, folder, how numbers print, outputs, warnings."""
    numbers, arrays, dtype, folder = random.getstate(), np.random.get_state(), torch.get_default_dtype(), os.getcwd()
    tensors = dict(vars(torch._tensor_str.PRINT_OPTS))
    with (torch.random.fork_rng(devices=[]), np.printoptions(), warnings.catch_warnings(),
          contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed)):
        warnings.simplefilter("ignore")
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            random.setstate(numbers)
            np.random.set_state(arrays)
            torch.set_default_dtype(dtype)
            torch.set_printoptions(**tensors)
            os.chdir(folder)


def guarded(job: Callable, seconds: float) -> tuple[BaseException | None, str]:
    """Run job() in a thread: the exception that it ends with, or None, and what it printed."""
    thread, printed, stopped = Checking(target=job, daemon=True), Printed(), ""
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
    return NotYet(stopped) if stopped else thread.error, printed.getvalue()


def seeded(seed: int) -> None:
    """Begin with this seed wherever random numbers come from."""
    for begin in (random.seed, np.random.seed, torch.manual_seed):
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
    need(not isinstance(got, NotYet), str(got))
    in_place = list(map(id, parts)) == list(map(id, leaves(given)))               # the list holds what it has held
    what, made = ("tensor", ".clone()") if in_place else ("list", "list(…)")
    need(isinstance(got, Exception) or same(given, case), f"your code changes the {what} that it is given, and whoever called "
         f"it is left with the changed one. Work on a copy, made with {made}.")
    return got


def is_untouched(answer, given: Callable | None = None) -> bool:
    """Whether a function or class still is what the notebook gave: an empty stub, or the code of `given`."""
    if inspect.isclass(answer):
        methods = [f for f in vars(answer).values() if inspect.isfunction(f)]
        return (bool(methods) or answer.__bases__ == (object,)) and all(is_untouched(f) for f in methods)
    code = getattr(inspect.unwrap(answer), "__code__", None)
    if code is None or given is not None:
        return code is not None and gist(code) == gist(given.__code__)
    return all(i.opname in ("RESUME", "NOP", "RETURN_VALUE") or i.opname in ("LOAD_CONST", "RETURN_CONST")
               and i.argval in (None, ...) for i in dis.get_instructions(code))


def gist(code) -> list:
    """What a function names, uses and compares, in order; the rest of its bytecode depends on where it was compiled."""
    kinds = "LOAD", "STORE", "COMPARE", "BINARY", "UNARY", "IS_", "CONTAINS"
    return [gist(i.argval) if inspect.iscode(i.argval) else (i.opname if i.argval is None else "", i.argval)
            for i in dis.get_instructions(code) if i.opname.startswith(kinds)]


def in_general_words(wrong: list[Try], sound: list[Try]) -> tuple[str, str]:
    """What is to see in one wrong result, and a remark that is true of every wrong result."""
    others_right = any(numeric(t.wanted) is None or numeric(t.wanted).any() for t in sound)
    told = [list(remarks(t.case, t.got, t.wanted, others_right, len(wrong) > 1)) for t in wrong]
    common = next((remark for remark in told[0] if all(remark in more for more in told)), "")
    numbers = [t for t in wrong if "comes out" in fact(t.got, t.wanted)] if "comes out" in fact(*wrong[0][2:]) else wrong[:1]
    shown = min(numbers, key=lambda t: sum(v.numel() or 99 if isinstance(v, Tensor) else 1 for v in leaves(t.case)))  # few fit
    but = "it is right for other inputs, but with" if len(sound) >= len(wrong) else "with"
    return f"{but} {described(shown.case)}: {fact(shown.got, shown.wanted)}", common


def shown_again(run: Callable, answer, reference, probe: Callable, wrong: list[Try], sound: list[Try]) -> str:
    """What a second run with changed inputs shows: one is not used, only its first element is, or an axis is the wrong one."""
    own, names = (list(inspect.signature(f).parameters) for f in (answer, probe))
    names = own if names[1:] == ["case"] else [name if name in own else "" for name in names[1:]]
    names = names[:min(len(t.case) for t in (*wrong, *sound))]
    until = time.perf_counter() + 2                              # a slow answer is not run long again
    most = [*wrong[:6], *sound[:12]]                             # wrong ones alone may be alike in more than the mistake

    def no_matter(changed) -> bool:
        """Whether other inputs never change the answer's result, and at least four times the reference's."""
        changed = list(changed)
        if not all(time.perf_counter() < until and same(run(answer, t.seed, case), t.got) for t, case in changed):
            return False
        found = [(t.wanted, run(reference, t.seed, case)) for t, case in changed]
        return 4 <= sum(not isinstance(other, Exception) and not same(other, wanted) for wanted, other in found)

    def with_one(case, k, value):
        return (*case[:k], value, *case[k + 1:])

    idle = [name for k, name in enumerate(names) if name and no_matter(
        (t, with_one(t.case, k, value)) for t in most for value in others(t.case[k], [*wrong, *sound], k))]
    if idle:
        return f"Your result stays the same when {' or '.join(idle)} changes: is it used?"
    long = [(t, n) for t in most if (n := max(map(length, t.case), default=0)) > 1]
    if no_matter((t, tuple(v[:1] if length(v) == n else v for v in t.case)) for t, n in long):
        return "With the first element alone, the same comes out. Does a return inside the loop end it in its first round?"
    for k, name in enumerate(names):
        axes = min(getattr(t.case[k], "ndim", 0) for t in most)
        for a, b in itertools.combinations(range(axes if name else 0), 2):
            made = [run(reference, t.seed, with_one(t.case, k, t.case[k].transpose(a, b))) for t in most]
            if all(same(t.got, r) or isinstance(r, Tensor) and r.ndim > b and same(t.got, r.transpose(a, b))
                   for t, r in zip(most, made)):
                return f"It would be right with axes {a} and {b} of {name} exchanged: you work along the wrong one."
    return ""


def length(value) -> int:
    return len(value) if isinstance(value, list) or isinstance(value, Tensor) and value.ndim else 0


def others(value, tries: list[Try], k: int) -> list:
    """Up to three other values for input number k, of the same kind and size: turned round, with zeros, from other cases."""
    found = [t.case[k] for t in tries if type(t.case[k]) is type(value)]
    if length(value):                                            # a mean is the same when turned round
        found[:0] = [value.flip(0), torch.cat([value[:1] * 0, value[1:]])] if isinstance(value, Tensor) else [value[::-1]]
    size = getattr(value, "shape", length(value))
    return [other for other in found if getattr(other, "shape", length(other)) == size and not same(other, value)][:3]


def stack_of_images(n: int = 3, rows: int = 28, columns: int = 28, seed: int = 0) -> Tensor:
    """Images that are easy to tell apart: float32 (n, rows, columns) in 0…1, nearly half of the pixels black."""
    values = torch.rand(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    return ((values - .4).clamp(min=0) / .6 * 100).round() / 100


for _file in sorted(JUDGES.glob("[a-z]*.py")):       # these import from here what stands above
    importlib.import_module(f"course.judges.{_file.stem}")
