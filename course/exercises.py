"""The checks behind the exercises: check(answer) says how far you are, hint(answer) helps without telling all.

The exercises stand in course/judges/, a file for each notebook. An exercise is judged in one of two ways:

@compared(…) stands above a reference. The answer has to give the same results for all cases. `mistakes` maps a
    sentence to a wrong answer; whoever's results are the same as those of the wrong answer reads its sentence.
    For everything else there are general words (words.py), each given only if it holds for every wrong result.
@tried(…) stands above a trial: a function that is given the answer, uses it, and calls need(condition, sentence).

Whatever an answer does, nothing here raises an error, waits for ever or fills the memory; kept() says what is put back.
"""
from __future__ import annotations

import contextlib
import ctypes
import dis
import functools
import importlib
import inspect
import io
import itertools
import math
import os
import random
import textwrap
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor

from course.words import a_kind, described, explained, fact, kind, leaves, numeric, remarks, rounded, same  # noqa: F401 (the judges', too)


@dataclass
class Exercise:
    """One exercise: `judge(answer)` raises NotYet with a sentence, or returns."""
    judge: Callable[[Any], None]
    hints: Sequence[str]
    right: str = ""                     # what there is to know for those who have it
    seconds: float = 10                 # how long the answer may take
    untouched: Callable | None = None   # the code that the notebook gives, where it is more than an empty stub
    mistakes: dict[str, Callable] = field(default_factory=dict)


class Try(NamedTuple):
    """One case, the seed for its random numbers, and what came out of the answer and of the reference."""
    seed: int
    case: tuple
    got: Any
    wanted: Any


EXERCISES: dict[str, Exercise] = {}
MEMORY = 1_500_000_000                # how many bytes an answer may add to this process


class NotYet(Exception):
    """The answer is not right yet; the text says why."""


def need(condition: Any, sentence: str) -> None:
    """In a trial: go on when the condition holds, else end with `not yet, because` and the sentence."""
    if not condition:
        raise NotYet(sentence)


def compared(cases: Callable[[], Iterable[tuple]], hints: Sequence[str], mistakes: dict[str, Callable] | None = None,
             probe: Callable = lambda answer, *case: answer(*case), random: Callable[[], tuple] | None = None,
             tries: int = 20, **more):
    """Register the decorated function as the reference of the exercise that has its name.

    cases: makes the inputs, a tuple of arguments each. probe(answer, *case): what is compared, if not the result.
    random: makes one more case with torch.rand and its like; it is called `tries` times, with PyTorch's seeds 1, 2, …
    """
    def register(reference):
        @functools.cache
        def known() -> list[tuple[int, tuple, Any]]:
            made = list(cases())
            for seed in range(1, tries + 1 if random else 1):
                torch.manual_seed(seed)
                made.append(random())
            return [(seed, case, run(reference, seed, case)) for seed, case in enumerate(made)]

        def run(function, seed, case):
            return outcome(probe, function, copied(case), seed)

        def judge(answer):
            done = [Try(k, case, watched(probe, answer, case, k), wanted) for k, case, wanted in known()]
            wrong = [t for t in done if not same(t.got, t.wanted)]
            sound = [t for t in done if same(t.got, t.wanted)]
            if not wrong:
                return

            def agreeing(mistake) -> int:
                """How many wrong results this mistake explains; 0 if it does not agree with the right ones."""
                agree = (same(t.got, run(mistake, t.seed, t.case)) for t in [wrong[0], *sound])
                return all(agree) and sum(same(t.got, run(mistake, t.seed, t.case)) for t in wrong)

            explain = {sentence: agreeing(mistake) for sentence, mistake in (mistakes or {}).items()}
            best = max(explain, key=explain.get, default=None)
            need(best is None or explain[best] < max(min(2, len(wrong)), len(wrong) / 4), best)      # one may agree by chance
            if isinstance(wrong[0].got, Exception):
                raise wrong[0].got
            wrong = [t for t in wrong if not isinstance(t.got, Exception)]
            but = "it is right for other inputs, but with" if len(sound) >= len(wrong) else "with"
            sentence, remark = in_general_words(but, wrong, sound)
            so_far(f"{sentence} {remark}")
            raise NotYet(f"{sentence} {shown_again(run, answer, reference, probe, wrong, sound) or remark}")

        EXERCISES[reference.__name__] = Exercise(judge, hints, mistakes=mistakes or {}, **more)
        return reference
    return register


def tried(hints: Sequence[str], **more):
    """Register the decorated function, a trial of the answer, as the judge of the exercise that has its name."""
    def register(trial):
        EXERCISES[trial.__name__] = Exercise(trial, hints, **more)
        return trial
    return register


# ---------------------------------------------------------------- what the reader calls

def check(answer=None) -> None:
    """Say whether an answer, the function or class with the exercise's name, is right, not yet, or not attempted."""
    print(verdict(answer))


def hint(answer=None, number: int = 1) -> None:
    """Give a hint for an exercise; hint(answer, 2) gives the next one."""
    name, exercise = named(answer)
    if exercise is None:
        print(name)
        return
    hints = exercise.hints
    number = min(max(number, 1), len(hints)) if type(number) is int else 1
    more = f"One more: hint({name}, {number + 1})." if number < len(hints) else "That was the last one."
    print(wrapped(f"{name}, hint {number} of {len(hints)}. {hints[number - 1]} {more}"))


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
    """The exercise's name and the exercise; when there is none, a text that says so, and None.

    A lambda and a partial have no name of their own: that of the variable which holds them counts.
    """
    name = getattr(answer, "__name__", None) or type(answer).__name__
    frame = inspect.currentframe() if name not in EXERCISES and callable(answer) else None
    while frame:
        name = next((key for key in EXERCISES if frame.f_locals.get(key) is answer), name)
        frame = frame.f_back
    if name in EXERCISES and callable(answer):
        return name, EXERCISES[name]
    what = f"{name!r} is the name of no exercise" if callable(answer) else f"this is {a_kind(answer)}"
    return wrapped(f"not yet, because {what}: give check the function or class that you wrote, and keep the name that "
                   "it has in the exercise, as in check(ink). What you made without def gets a name by =, as in "
                   "ink = lambda images: …"), None


def wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 88, break_on_hyphens=False, break_long_words=False)


# ---------------------------------------------------------------- running an answer

class Checking(threading.Thread):
    """The thread in which an answer runs, with what is to say if its time runs out."""
    so_far, until = "", math.inf


def so_far(sentence: str) -> None:
    """Say this, unless something better is found within two seconds."""
    thread = threading.current_thread()
    thread.so_far, thread.until = sentence, time.perf_counter() + 2


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
    """Run job() aside: the exception that it ends with, or None, and what it printed.

    It runs in a thread, which works on every system and keeps no_grad and the like to itself.
    """
    caught: list[BaseException] = []

    def work():
        try:
            seeded(0)
            job()
        except BaseException as error:
            caught.append(error)

    thread, printed, stopped = Checking(target=work, daemon=True), Printed(), ""
    held, until = psutil.Process().memory_info, time.perf_counter() + seconds
    before = held().rss
    with kept(printed):
        thread.start()
        try:
            while thread.is_alive() and not stopped:
                thread.join(.05)
                if held().rss - before > MEMORY:
                    stopped = (f"it had filled {MEMORY / 1e9:.1f} GB of memory when it was stopped. Is there a list that "
                               "grows, or a generator that gives numbers, without end?")
                elif thread.is_alive() and time.perf_counter() > min(until, thread.until):
                    stopped = thread.so_far or (
                        f"it has not finished after {seconds:.0f} seconds and was stopped. Is there a loop that never ends, "
                        "or one over pixels or images that a single operation on the whole tensor could do?")
        finally:
            for _ in range(20):                                  # stopped, or interrupted: end it where Python lets us
                if thread.is_alive():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
                    thread.join(.05)
    if stopped:
        return NotYet(stopped), printed.getvalue()
    return (caught[0] if caught else None), printed.getvalue()


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
    given = copied(case)
    parts = list(leaves(given))
    got = outcome(probe, answer, given, seed)
    if isinstance(got, NotYet):
        raise got
    if not isinstance(got, Exception) and not same(given, case):
        in_place = list(map(id, parts)) == list(map(id, leaves(given)))           # the list holds what it has held
        what, copy = ("tensor", ".clone()") if in_place else ("list", "list(…)")
        raise NotYet(f"your code changes the {what} that it is given, and whoever called it is left with the changed "
                     f"one. Work on a copy, made with {copy}.")
    return got


def copied(value):
    """A copy of a case, tensors included, so that no answer can spoil it for the next."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) in (list, tuple):
        return type(value)(copied(v) for v in value)
    return value


def is_untouched(answer, given: Callable | None = None) -> bool:
    """Whether a function or class still is what the notebook gave: an empty stub, or the code of `given`."""
    if inspect.isclass(answer):
        methods = [f for f in vars(answer).values() if inspect.isfunction(f)]
        return (bool(methods) or answer.__bases__ == (object,)) and all(is_untouched(f) for f in methods)
    code = getattr(inspect.unwrap(answer), "__code__", None)
    if code is None:
        return False
    if given is not None:
        return gist(code) == gist(given.__code__)
    return all(i.opname in ("RESUME", "NOP", "RETURN_VALUE") or i.opname in ("LOAD_CONST", "RETURN_CONST")
               and i.argval in (None, ...) for i in dis.get_instructions(code))


def gist(code) -> list:
    """What a function names, uses and compares, in order; the rest of its bytecode depends on where it was compiled."""
    kinds = ("LOAD", "STORE", "COMPARE", "BINARY", "UNARY", "IS_", "CONTAINS")
    return [gist(i.argval) if inspect.iscode(i.argval) else (i.opname if i.argval is None else "", i.argval)
            for i in dis.get_instructions(code) if i.opname.startswith(kinds)]


# ---------------------------------------------------------------- why it is wrong

def in_general_words(but: str, wrong: list[Try], sound: list[Try]) -> tuple[str, str]:
    """What is to see in one wrong result, and a remark that is true of every wrong result."""
    others_right = any(numeric(t.wanted) is None or numeric(t.wanted).any() for t in sound)
    told = [list(remarks(t.case, t.got, t.wanted, others_right, len(wrong) > 1)) for t in wrong]
    common = next((remark for remark in told[0] if all(remark in more for more in told)), "")

    def size(t):
        counts = [v.numel() if isinstance(v, Tensor) else 1 for v in leaves(t.case)]
        return 0 in counts, sum(counts)
    numbers = [t for t in wrong if "comes out" in fact(t.got, t.wanted)]
    shown = min(numbers, key=size) if wrong[0] in numbers else wrong[0]          # few numbers can be shown
    return f"{but} {described(shown.case)}: {fact(shown.got, shown.wanted)}", common


def shown_again(run: Callable, answer, reference, probe: Callable, wrong: list[Try], sound: list[Try]) -> str:
    """What a second run with changed inputs shows: one is not used, only its first element is, or an axis is the wrong one."""
    own, names = (list(inspect.signature(f).parameters) for f in (answer, probe))
    names = own if names[1:] == ["case"] else [name if name in own else "" for name in names[1:]]
    if wrong[0].got is None:
        return ""
    few, enough = wrong[:6], 4                                   # one result may be the same by chance
    most = [*few, *sound[:12]]                                   # wrong ones alone would be alike in more than the mistake

    def no_matter(changed) -> bool:
        """Whether other inputs never change the answer's result, and the reference's often enough."""
        telling = 0
        for t, case in changed:
            if not same(run(answer, t.seed, case), t.got):
                return False
            wanted = run(reference, t.seed, case)
            telling += not isinstance(wanted, Exception) and not same(wanted, t.wanted)
        return telling >= enough

    def with_one(case, k, value):
        return (*case[:k], value, *case[k + 1:])

    cases = [t.case for t in (*wrong, *sound)]
    idle = [name for k, name in enumerate(names) if name and no_matter(
        (t, with_one(t.case, k, value)) for t in most if k < len(t.case) for value in others(t.case[k], cases, k))]
    if idle:
        return f"Your result stays the same when {' or '.join(idle)} changes: is it used?"
    long = [(t, n) for t in most if (n := max(map(length, t.case), default=0)) > 1]
    turned = [(t, tuple(reverse(v) if length(v) == n else v for v in t.case)) for t, n in long]
    for which, part, why in (("first", slice(0, 1), "Does a return inside the loop end it in its first round?"),
                             ("last", slice(-1, None), "Does the loop begin anew in each round?")):
        alone = [(t, tuple(v[part] if length(v) == n else v for v in t.case)) for t, n in long]
        if no_matter(alone) and any(not same(run(answer, t.seed, case), t.got) for t, case in turned):
            return f"With the {which} element alone, the same comes out. {why}"
    for k, name in enumerate(names):
        axes = min(getattr(t.case[k], "ndim", 0) if k < len(t.case) else 0 for t in most)
        for a, b in itertools.combinations(range(axes if name else 0), 2):
            made = [run(reference, t.seed, with_one(t.case, k, t.case[k].transpose(a, b))) for t in most]
            if all(same(t.got, r) or isinstance(r, Tensor) and r.ndim > b and same(t.got, r.transpose(a, b))
                   for t, r in zip(most, made)):
                return f"It would be right with axes {a} and {b} of {name} exchanged: you work along the wrong one."
    return ""


def length(value) -> int:
    """How many elements a list or a tensor has; 0 for what has none."""
    return len(value) if isinstance(value, list) or isinstance(value, Tensor) and value.ndim else 0


def reverse(value):
    return value.flip(0) if isinstance(value, Tensor) else value[::-1]


def others(value, cases: list[tuple], k: int) -> list:
    """Up to three other values for input number k, of the same kind and size: turned round, with zeros, from other cases."""
    found = [reverse(value)] if length(value) > 1 else []
    if isinstance(value, Tensor) and length(value):                                # a mean is the same when turned round
        found.append(torch.cat([torch.zeros_like(value[:1]), value[1:]]))
    for other in (case[k] for case in cases if k < len(case)):
        alike = type(other) is type(value) and length(other) == length(value)
        if alike and getattr(other, "shape", 0) == getattr(value, "shape", 0) and not same(other, value):
            found.append(other)
    return found[:3]


# ---------------------------------------------------------------- inputs

def stack_of_images(n: int = 3, rows: int = 28, columns: int = 28, seed: int = 0) -> Tensor:
    """Images that are easy to tell apart: float32 (n, rows, columns) in 0…1, nearly half of the pixels black."""
    values = torch.rand(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    return ((values - .4).clamp(min=0) / .6 * 100).round() / 100


# ---------------------------------------------------------------- the exercises

for _file in sorted((Path(__file__).parent / "judges").glob("[a-z]*.py")):       # these import from here what stands above
    importlib.import_module(f"course.judges.{_file.stem}")
