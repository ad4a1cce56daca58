"""The checks behind the exercises: check(answer) says how far you are, hint(answer) helps without telling all.

The exercises stand in course/judges/, a file for each notebook. An exercise is judged in one of two ways:

@compared(…) stands above a reference. The answer has to give the same results for all cases. `mistakes` maps a
    sentence to a wrong answer; whoever's results are the same as those of the wrong answer reads its sentence.
    For everything else there are general words here, and each is given only if it holds for every wrong result.
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
import linecache
import math
import os
import random
import re
import textwrap
import threading
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor


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
CHECKING = "check"                    # the name of the thread in which an answer runs
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
            start, done = time.perf_counter(), [Try(k, case, watched(probe, answer, case, k), w) for k, case, w in known()]
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
            alone = isinstance(wrong[0].wanted, (bool, int, float))      # single numbers may agree by chance
            need(best is None or explain[best] < min(1 + alone, len(wrong)), best)
            if isinstance(wrong[0].got, Exception):
                raise wrong[0].got
            wrong = [t for t in wrong if not isinstance(t.got, Exception)]
            but = "it is right for other inputs, but with" if len(sound) >= len(wrong) else "with"
            again = wrong[0].got is not None and time.perf_counter() - start < 2      # later there is no time for it
            because = again and shown_again(run, answer, reference, probe, wrong, [t.case for t in done])
            raise NotYet(in_general_words(but, wrong, sound, because))

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
    if threading.current_thread().name == CHECKING:
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

    def stop(sentence: str = ""):
        for _ in range(20):                                      # end it where Python lets us
            if thread.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
                thread.join(.05)
        caught[:] = [NotYet(sentence)]

    thread, printed = threading.Thread(target=work, daemon=True, name=CHECKING), Printed()
    held, until = psutil.Process().memory_info, time.perf_counter() + seconds
    before = held().rss
    with kept(printed):
        try:
            thread.start()
            while thread.is_alive():
                thread.join(.05)
                if held().rss - before > MEMORY:
                    stop(f"it had filled {MEMORY / 1e9:.1f} GB of memory when it was stopped. Is there a list that grows, "
                         "or a generator that gives numbers, without end?")
                elif time.perf_counter() > until:
                    stop(f"it has not finished after {seconds:.0f} seconds and was stopped. Is there a loop that never "
                         "ends, or one over pixels or images that a single operation on the whole tensor could do?")
        except BaseException:                                    # the reader has interrupted us
            stop()
            raise
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


def leaves(value) -> Iterator:
    """What lists and tuples hold, however deep."""
    if not isinstance(value, (list, tuple)):
        yield value
        return
    for part in value:
        yield from leaves(part)


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


# ---------------------------------------------------------------- saying what is different

def numeric(value, wanted=None) -> Tensor | None:
    """A tensor, a NumPy array or a number as a tensor, and where a list is wanted, a list of as many; None for the rest."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value.copy())
    if isinstance(value, (list, tuple)) and isinstance(wanted, list) and len(value) == len(wanted) > 0:
        return torch.tensor(value) if all(isinstance(v, (int, float)) for v in value) else None
    if isinstance(value, (int, float)) and isinstance(wanted, Tensor) and wanted.ndim:
        return None
    return torch.as_tensor(value).detach() if isinstance(value, (Tensor, np.number, np.bool_, int, float)) else None


def close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-3, atol=1e-5, equal_nan=True)


def same_kind(x: Tensor, y: Tensor) -> bool:
    """Whether both hold floats, or whole numbers, …; of single numbers, 2 will do where 2.0 is wanted."""
    return kind(x) == kind(y) or x.ndim == 0 and (kind(x), kind(y)) == ("whole numbers", "floats") or x.numel() == 0


def same(a, b) -> bool:
    """Whether two results are the same up to rounding; a tensor without axes is a number, and a tuple is a list."""
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b) and re.sub(r"\d+", "", str(a)[:300]) == re.sub(r"\d+", "", str(b)[:300])
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    x, y = numeric(a), numeric(b)
    if x is None or y is None:
        return type(a) is type(b) and (a is b or a == b) is True
    return same_kind(x, y) and close(x, y)


def kind(tensor: Tensor) -> str:
    """What the numbers of a tensor are, in words."""
    if tensor.dtype in (torch.bool, torch.uint8):
        return "True and False" if tensor.dtype == torch.bool else "bytes (uint8)"
    return "floats" if tensor.is_floating_point() else "whole numbers"


def a_kind(value) -> str:
    """A value in words: `None`, `a list`, `a tensor of shape (3, 1)`."""
    if value is None or value is ...:
        return str(value)
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else "a number"
    name = {"ndarray": "NumPy array", "str": "text", "int": "whole number", "bool": "True or False"}.get(
        type(value).__name__, type(value).__name__)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def described(case: tuple) -> str:
    """The inputs of a case, as they can be typed when they are short."""
    def one(value):
        if isinstance(value, Tensor):
            short = f"tensor({rounded(value)})" if value.numel() <= 12 else a_kind(value)
            return short + f" of shape {tuple(value.shape)}" * (0 in value.shape)
        if isinstance(value, (list, tuple)):
            opens, closes = "[]" if isinstance(value, list) else "()"
            return opens + ", ".join(map(one, value)) + closes
        return getattr(value, "__name__", None) or repr(rounded(value))
    return textwrap.shorten(", ".join(map(one, case)), 240, placeholder=" …") or "no input"


def rounded(value):
    """Numbers with at most four digits, for a sentence."""
    if isinstance(value, Tensor):
        value = value.detach().tolist()
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value


def fact(got, wanted) -> str:
    """How a result differs from the wanted one: what there is to see, without guessing why."""
    if got is None:
        return "nothing comes back (None)."
    if got is ...:
        raise NotImplementedError
    g, w = numeric(got, wanted), numeric(wanted, wanted)
    if g is not None and w is not None:
        if g.shape != w.shape:
            return f"your result has shape {tuple(g.shape)}, and {tuple(w.shape)} is wanted."
        if not same_kind(g, w):
            return f"your result holds {kind(g)}, and {kind(w)} are wanted."
        at = (~torch.isclose(g.double(), w.double(), 1e-3, 1e-5, equal_nan=True)).nonzero()[0].tolist()
        where = f" at index {at[0] if len(at) == 1 else tuple(at)}" if at else ""
        return f"{rounded(g[tuple(at)])} comes out{where} where {rounded(w[tuple(at)])} is wanted."
    if isinstance(wanted, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return f"{a_kind(got)} comes back where {len(wanted)} results are wanted: return a, b hands back two."
        if len(got) != len(wanted):
            return f"{len(got)} results come back where {len(wanted)} are wanted."
        k = next(k for k, pair in enumerate(zip(got, wanted)) if not same(*pair))
        place = ("first", "second", "third")[k] if k < 3 else f"{k + 1}th"
        return f"in the {place} of {len(wanted)} results, {fact(got[k], wanted[k])}"
    if type(got) is type(wanted):
        return f"{got!r} comes out where {wanted!r} is wanted."
    made = ("max, min and sort with an axis give values and indices: .values or .indices."
            if type(got).__module__ == "torch.return_types" else
            "torch.tensor or torch.stack makes a tensor of it."
            if isinstance(wanted, Tensor) and isinstance(got, (list, tuple)) else
            "yield, or round brackets, make a generator; list(…) makes a list of it." if inspect.isgenerator(got) else "")
    return f"{a_kind(got)} comes back where {a_kind(wanted)} is wanted. {made}"


def remarks(t: Try, sound: bool, several: bool) -> Iterator[str]:
    """What is true of a wrong result, in general words, the most telling first. sound, several: what there is besides."""
    case, got, wanted = t.case, t.got, t.wanted
    if got is None:
        yield ("For other inputs something does: every way through your code has to end with return." if sound else
               "End your code with return and the result.")
    g, w = numeric(got, wanted), numeric(wanted, wanted)
    if g is None or w is None:
        if isinstance(got, (list, tuple)) and isinstance(wanted, (list, tuple)) and len(got) == len(wanted):
            if len(got) == 2 and same(got, wanted[::-1]):
                yield "The two results have changed places."
            part = next(pair for pair in zip(got, wanted) if not same(*pair))
            yield from remarks(Try(t.seed, case, *part), sound, several)
        return
    bools, g, w = kind(g) == kind(w) == "True and False", g.double(), w.double()
    if g.shape != w.shape:
        true = {"The numbers are there, only an axis of length 1 is too many or missing.": close(g.squeeze(), w.squeeze()),
                "Rows and columns have changed places.": g.ndim == 2 and close(g.T, w),
                "One number came out for everything. Name only those axes that should disappear.": g.ndim == 0,
                "Which axes should disappear, and which should stay?": g.ndim != w.ndim}
        yield from filter(true.get, true)
        return
    clear, shift, alike = w.abs() > 1e-6, (g - w).median(), not bools
    factor = (g[clear] / w[clear]).median().item() if clear.any() else 0
    times = alike and abs(factor) > 1e-6 and close(g, w * factor)
    shapes = [(len(v),) if isinstance(v, list) else v.shape for v in case if isinstance(v, (list, Tensor))]
    counts = {n for shape in shapes for n in (*shape, math.prod(shape), math.prod(shape[1:]))} - {0, 1}
    true = {
        "nan is no number: it comes when 0 is divided by 0, or a mean is taken of nothing.": (g.isnan() & ~w.isnan()).any(),
        "It is infinite when something is divided by 0, or when the logarithm of 0 is taken.": (g.isinf() & ~w.isinf()).any()}
    if g.numel() > 1 or several and not sound:                   # one number alone may be a multiple by chance
        true |= {
            "A sum or a count comes out where a mean or a fraction is wanted: divide by how many there are.":
                times and any(math.isclose(factor, n, rel_tol=1e-3) for n in counts),
            "Every number is 100 times what it should be: a fraction is wanted, not per cent.":
                times and abs(factor - 100) < .1,
            "Every number has the wrong sign.": times and round(factor, 3) == -1,
            f"Every number is {factor:.4g} times what it should be.": times,
            f"Every number is too large by {rounded(shift.item())}.": alike and close(g, w + shift),
            "Each answer is the opposite of what is wanted: True and False have changed places.": bools and close(g, 1 - w),
            "The right numbers come out, but not in their right order.":
                alike and close(g.flatten().sort()[0], w.flatten().sort()[0])}
    yield from filter(true.get, true)


def in_general_words(but: str, wrong: list[Try], sound: list[Try], because: str) -> str:
    """What is to see in one wrong result, and what a second run has shown, or a remark that is true of every wrong result."""
    others_right = any(numeric(t.wanted) is None or numeric(t.wanted).any() for t in sound)
    told = [list(remarks(t, others_right, len(wrong) > 1)) for t in wrong]
    common = next((remark for remark in told[0] if all(remark in more for more in told)), "")

    def size(t):
        counts = [v.numel() if isinstance(v, Tensor) else 1 for v in leaves(t.case)]
        return 0 in counts, sum(counts)
    numbers = [t for t in wrong if "comes out" in fact(t.got, t.wanted)]
    shown = min(numbers, key=size) if wrong[0] in numbers else wrong[0]          # few numbers can be shown
    return f"{but} {described(shown.case)}: {fact(shown.got, shown.wanted)} {because or common}"


def shown_again(run: Callable, answer, reference, probe: Callable, wrong: list[Try], cases: list[tuple]) -> str:
    """What a second run with changed inputs shows: one is not used, only its first element is, or an axis is the wrong one."""
    own, names = (list(inspect.signature(f).parameters) for f in (answer, probe))
    names = own if names[1:] == ["case"] else [name if name in own else "" for name in names[1:]]
    few = wrong[:3]

    def no_matter(changed) -> bool:
        """Whether other inputs never change the answer's result, and the reference's at least twice."""
        told = []
        for t, case in changed:
            wanted = run(reference, t.seed, case)
            if not isinstance(wanted, Exception) and not same(wanted, t.wanted):
                told.append(same(run(answer, t.seed, case), t.got))
        return len(told) > 1 and all(told)

    def with_one(case, k, value):
        return (*case[:k], value, *case[k + 1:])

    idle = [name for k, name in enumerate(names) if name and no_matter(
        (t, with_one(t.case, k, value)) for t in few if k < len(t.case) for value in others(t.case[k], cases, k))]
    if idle:
        return f"Your result stays the same when {' or '.join(idle)} changes: is it used?"
    for which, part, why in (("first", slice(0, 1), "Does a return inside the loop end it in its first round?"),
                             ("last", slice(-1, None), "Does the loop begin anew in each round?")):
        longest = [(t, max(map(length, t.case), default=0)) for t in few]
        if no_matter((t, tuple(v[part] if length(v) == n else v for v in t.case)) for t, n in longest if n > 1):
            return f"With the {which} element alone, the same comes out. {why}"
    for k, name in enumerate(names):
        axes = min(getattr(t.case[k], "ndim", 0) if k < len(t.case) else 0 for t in few)
        for a, b in itertools.combinations(range(axes if name else 0), 2):
            turned = [run(reference, t.seed, with_one(t.case, k, t.case[k].transpose(a, b))) for t in few]
            if all(same(t.got, r) or isinstance(r, Tensor) and r.ndim > b and same(t.got, r.transpose(a, b))
                   for t, r in zip(few, turned)):
                return f"It would be right with axes {a} and {b} of {name} exchanged: you work along the wrong one."
    return ""


def length(value) -> int:
    """How many elements a list or a tensor has; 0 for what has none."""
    return len(value) if isinstance(value, list) or isinstance(value, Tensor) and value.ndim else 0


def others(value, cases: list[tuple], k: int) -> list:
    """Up to two other values for input number k, of the same kind and size: turned round, or from other cases."""
    found = [value.flip(0) if isinstance(value, Tensor) else value[::-1]] if length(value) > 1 else []
    for other in (case[k] for case in cases if k < len(case)):
        alike = type(other) is type(value) and length(other) == length(value)
        if alike and getattr(other, "shape", 0) == getattr(value, "shape", 0) and not same(other, value):
            found.append(other)
    return found[:2]


# What PyTorch's and Python's most frequent messages mean: a pattern in the message, and what to look for.
MEANINGS = [
    (r"leaf Variable that requires grad", "a parameter is changed in place outside of torch.no_grad()."),
    (r"does not require grad",
     "there is no way back from the loss to the parameters: were they made with requires_grad, and is the loss "
     "calculated from them, outside of torch.no_grad() and without detach or item?"),
    (r"created only for scalar", "only one number can be sent back: take the mean of the losses first."),
    (r"backward through the graph a second time", "the same loss is sent back twice: calculate it anew in each step."),
    (r"could not infer output dtype|must be either a floating|[Gg]ot: (Long|Byte|Bool)",
     "mean and its like want floats: put .float() in front."),
    (r"must match|cannot be multiplied|[Ss](hape|ize) mismatch|inconsistent tensor size|be the same as input size|equal size|"
     r"invalid for input of size", "two shapes do not fit together: look at .shape of both."),
    (r"Dimension out of range", "an axis is named that this tensor does not have."),
    (r"only one element tensors|converted to Scalar|only integer tensors|Boolean value of Tensor with more than one",
     "a whole tensor stands where one number is wanted; .any(), .all() or .sum() make one of many. "
     "Whether something is there at all is asked with  is not None."),
    (r"NoneType",
     "something is None. A .grad is None before the first backward(), and for a new tensor, such as p = p - … makes; "
     "p -= … changes the old one. A function without return gives None, too."),
    (r"empty|need at least one|numel\(\) == 0", "there is nothing in it, and a loop leaves nothing to stack: work on all "
     "at once, or say what should come out then."),
    (r"out of bounds|index out of range", "there is no such index: the first is 0, and the last is the length - 1."),
    (r"without overflow", "a byte cannot hold this number: .int() or .float() first."),
    (r"values to unpack", "there are more names, or fewer, than things to name: how many axes or results are there?"),
    (r"'list' object has no attribute", "a list is no tensor: go through it with for, or make a tensor of it."),
    (r"must be tuple of Tensors", "a list is wanted: list(images)."),
    (r"cannot access local|before assignment", "this name gets its value only in a loop or an if that was not entered."),
    (r"[Cc]an't call numpy", "write .detach() before .numpy()."),
]
IMPORTS = {"F": "import torch.nn.functional as F", "nn": "from torch import nn", "np": "import numpy as np",
           "Tensor": "from torch import Tensor", **{name: f"import {name}" for name in ("torch", "math", "random")}}


def explained(error: BaseException, answer) -> str:
    """An error in the reader's code: what Python says, in which line, and what it usually means."""
    if isinstance(error, RecursionError):
        return "your function calls itself without end."
    if isinstance(error, (SystemExit, GeneratorExit)):
        return "your code ends the program (exit); take that out."
    try:
        message = (str(error).strip()[:300].splitlines() or [""])[0]
    except Exception:
        message = ""
    message = re.sub(r"[\w.]*<locals>\.| at 0x\w+|(/[\w.-]+){2,}", "", message).partition(". ")[0].rstrip(".")
    functions = [answer, *getattr(answer, "__dict__", {}).values()]
    files = {inspect.unwrap(f).__code__.co_filename for f in functions if inspect.isfunction(f)}
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    at = linecache.getline(lines[-1].filename, lines[-1].lineno).strip() if lines else ""
    what = "it ends with an error" if lines else "what comes back cannot be used"
    meaning = next((words for pattern, words in MEANINGS if re.search(pattern, message)), "")
    written = set(re.findall(r"\b\d\d+", at)) & set(re.findall(r"\d\d+", message))
    if written:
        meaning += f" The length {written.pop()} is written into this line; .shape tells it for every size."
    if type(error) is NameError:
        meaning = (f"{IMPORTS[error.name]} is missing, or the cell with it was not run." if error.name in IMPORTS else
                   f"nothing is called {error.name} here: is it spelt otherwise, or was the cell that makes it not run?")
    if isinstance(error, TypeError) and "argument" in message and not lines:
        what = "it cannot be called as the exercise says"
        meaning = "Keep the inputs that the exercise gives, in their order."
    text = f"{what}{f' in the line  {at}  ' if at else ' '}({type(error).__name__}{': ' * bool(message)}{message})."
    return f"{text} {meaning[:1].upper()}{meaning[1:]}".strip()


# ---------------------------------------------------------------- inputs

def stack_of_images(n: int = 3, rows: int = 28, columns: int = 28, seed: int = 0) -> Tensor:
    """Images that are easy to tell apart: float32 (n, rows, columns) in 0…1, nearly half of the pixels black."""
    values = torch.rand(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    return ((values - .4).clamp(min=0) / .6 * 100).round() / 100


pile = stack_of_images


# ---------------------------------------------------------------- the exercises

for _file in sorted((Path(__file__).parent / "judges").glob("[a-z]*.py")):       # these import from here what stands above
    importlib.import_module(f"course.judges.{_file.stem}")
