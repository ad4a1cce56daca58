"""The checks behind the exercises: check(answer) says how far you are, hint(answer) helps without telling all.

Each exercise stands in one place below, under its notebook, and is judged in one of two ways:

@compared(…) stands above a reference. The answer has to give the same results for all `cases`. `mistakes` maps a
    sentence to a wrong answer; whoever's results are the same as those of the wrong answer reads its sentence.
@tried(…) stands above a trial: a function that is given the answer, uses it, and calls need(condition, sentence).

Nothing here raises an error, waits for ever or leaves anything changed, whatever the answer does.
"""
from __future__ import annotations

import contextlib
import ctypes
import dis
import inspect
import io
import linecache
import math
import re
import textwrap
import threading
import traceback
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import museum
from utils import Batches, accuracy, as_xy, fit, load_digits, validate_epoch, wiggle


@dataclass
class Exercise:
    """One exercise: `judge(answer)` raises NotYet with a sentence, or returns."""
    judge: Callable[[Any], None]
    hints: Sequence[str]
    right: str = ""                   # what there is to know for those who have it
    seconds: float = 10               # how long the answer may take
    untouched: Callable | None = None  # the code that the notebook gives, where it is more than an empty stub
    mistakes: dict[str, Callable] = field(default_factory=dict)


EXERCISES: dict[str, Exercise] = {}


class NotYet(Exception):
    """The answer is not right yet; the text says why."""


def need(condition: Any, sentence: str) -> None:
    """In a trial: go on when the condition holds, else end with `not yet, because` and the sentence."""
    if not condition:
        raise NotYet(sentence)


def compared(cases: Callable[[], Iterable[tuple]], hints: Sequence[str], mistakes: dict[str, Callable] | None = None,
             probe: Callable = lambda answer, *case: answer(*case), **more):
    """Register the decorated function as the reference of the exercise that has its name.

    cases: makes the inputs, a tuple of arguments each. probe(answer, *case): what is compared, if not the result.
    """
    mistakes = mistakes or {}

    def register(reference):
        def judge(answer):
            results = [(case, outcome(probe, answer, copied(case)), outcome(probe, reference, copied(case)))
                       for case in cases()]
            failing = [k for k, (_, got, wanted) in enumerate(results) if not same(got, wanted)]
            if not failing:
                return
            wrong = {sentence: [outcome(probe, mistake, copied(case)) for case in cases()]
                     for sentence, mistake in mistakes.items()}
            for looked_at in (range(len(results)), failing, failing[:1]):    # the same everywhere, or where it fails
                for sentence, outcomes in wrong.items():
                    if (all(same(results[k][1], outcomes[k]) for k in looked_at)
                            and not all(same(results[k][2], outcomes[k]) for k in looked_at)):
                        raise NotYet(sentence)
            case, got, wanted = results[failing[0]]
            if isinstance(got, Exception):
                raise got
            but = "it is right for other inputs, but " if failing[0] else ""
            raise NotYet(f"{but}with {described(case)} {difference(got, wanted)}")

        EXERCISES[reference.__name__] = Exercise(judge, hints, mistakes=mistakes, **more)
        return reference
    return register


def tried(hints: Sequence[str], **more):
    """Register the decorated function, a trial of the answer, as the judge of the exercise that has its name."""
    def register(trial):
        EXERCISES[trial.__name__] = Exercise(trial, hints, **more)
        return trial
    return register


# ---------------------------------------------------------------- what the reader calls

def check(answer) -> None:
    """Say whether an answer (the function or class with the exercise's name) is right, not yet, or not attempted yet."""
    print(verdict(answer))


def hint(answer, number: int = 1) -> None:
    """Give a hint for an exercise; hint(answer, 2) gives the next one."""
    name, exercise = named(answer)
    if exercise is None:
        print(name)
        return
    hints = exercise.hints
    number = number if isinstance(number, int) and 1 <= number <= len(hints) else len(hints)
    more = f"One more: hint({name}, {number + 1})." if number < len(hints) else "That was the last one."
    print(wrapped(f"{name}, hint {number} of {len(hints)}. {hints[number - 1]} {more}"))


def verdict(answer) -> str:
    """What check prints: `name: right. …`, `name: not yet, because …` or `name: not attempted yet. …`."""
    name, exercise = named(answer)
    if exercise is None:
        return name
    not_attempted = wrapped(f"{name}: not attempted yet. Write your answer in the cell above, run it, and then this one "
                            f"again. hint({name}) helps.")
    try:
        if is_untouched(answer, exercise.untouched):
            return not_attempted
        error, printed = guarded(lambda: exercise.judge(answer), exercise.seconds)
    except TimeoutError:
        error, printed = NotYet(
            f"it has not finished after {exercise.seconds:.0f} seconds and was stopped. Is there a loop that never ends, or "
            "one over pixels or images that a single operation on the whole tensor could do?"), ""
    if error is None:
        return wrapped(f"{name}: right. {exercise.right}")
    if isinstance(error, NotImplementedError):
        return not_attempted
    because = str(error) if isinstance(error, NotYet) else explained(error, answer)
    return wrapped(f"{name}: not yet, because {because}{also_printed(printed)}")


def named(answer) -> tuple[str, Exercise | None]:
    """The exercise's name and the exercise; when there is none, a text that says so, and None."""
    name = getattr(answer, "__name__", None) or type(answer).__name__
    if name in EXERCISES and callable(answer):
        return name, EXERCISES[name]
    what = f"{name!r} is the name of no exercise" if callable(answer) else f"this is {a_kind(answer)}"
    return wrapped(f"not yet, because {what}: give check the function or class that you wrote, and keep the name that it "
                   "has in the exercise, as in check(ink)."), None


# ---------------------------------------------------------------- running an answer

def guarded(job: Callable, seconds: float) -> tuple[BaseException | None, str]:
    """Run job() aside: its exception or None, and what it printed; TimeoutError when it takes too long.

    It runs in a thread, which works on every system and keeps no_grad and the like to itself. Random numbers begin
    with seed 0 and go on afterwards as if nothing had been drawn.
    """
    caught: list[BaseException] = []

    def work():
        try:
            torch.manual_seed(0)
            job()
        except BaseException as error:
            caught.append(error)

    printed, thread = io.StringIO(), threading.Thread(target=work, daemon=True)
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            thread.start()
            thread.join(seconds)
            if thread.is_alive():
                raise TimeoutError
        finally:
            for _ in range(20):                                  # too late, or interrupted: end it where Python lets us
                if thread.is_alive():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
                    thread.join(.05)
    return (caught[0] if caught else None), printed.getvalue()


def outcome(probe: Callable, answer: Callable, case: tuple) -> Any:
    """The result of an answer for one case, or the exception that it raised."""
    before = copied(case)
    try:
        result = probe(answer, *case)
    except NotYet:
        raise
    except Exception as error:
        return error
    if not same(list(case), list(before)):
        raise NotYet("your code changes the tensor that it is given, and whoever called it is left with the changed one. "
                     "Work on a copy, made with .clone().")
    return result


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
        return all(is_untouched(f) for f in methods)
    code = getattr(inspect.unwrap(answer), "__code__", None)
    if code is None:
        return False
    if given is not None:
        return any(code.co_code == c.co_code and constants(code) == constants(c) for c in (given.__code__, alone(given)))
    return all(i.opname in ("RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST") and
               (i.opname in ("RESUME", "NOP", "RETURN_VALUE") or i.argval in (None, ...)) for i in dis.get_instructions(code))


def alone(function: Callable):
    """A function's code as a cell of its own gives it; next to the imports of a file Python writes calls differently."""
    names: dict = {}
    exec("from __future__ import annotations\n" + textwrap.dedent(inspect.getsource(function)), names)
    return names[function.__name__].__code__


def constants(code) -> list:
    """The numbers and texts in a function's code, without its description, and those of the functions inside it."""
    inside = [constants(c) if inspect.iscode(c) else c for c in code.co_consts]
    return [c for c in inside if not (isinstance(c, str) and len(c) > 40)] + list(code.co_names)


# ---------------------------------------------------------------- saying what is different

def same(a, b) -> bool:
    """Whether two results are the same up to rounding; a tensor without axes counts as a number."""
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b)
    if type(a) in (list, tuple) or type(b) in (list, tuple):
        return (type(a) in (list, tuple) and type(b) in (list, tuple) and len(a) == len(b)
                and all(same(v, w) for v, w in zip(a, b)))
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        if not all(isinstance(v, (Tensor, int, float)) for v in (a, b)):
            return False
        a, b = torch.as_tensor(a).detach(), torch.as_tensor(b).detach()
        if a.shape != b.shape or kind(a) != kind(b):
            return False
        return torch.allclose(a.double(), b.double(), rtol=1e-3, atol=1e-5, equal_nan=True)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return same(torch.tensor(a), torch.tensor(b))
    return type(a) is type(b) and (a is b or a == b) is True


def kind(tensor: Tensor) -> str:
    """What the numbers of a tensor are, in words."""
    if tensor.dtype == torch.bool:
        return "True and False"
    if tensor.dtype == torch.uint8:
        return "bytes (uint8)"
    return "floats" if tensor.is_floating_point() else "whole numbers"


def a_kind(value) -> str:
    """A value in words: `None`, `a list`, `a tensor of shape (3, 1)`."""
    if value is None or value is ...:
        return str(value)
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    name = {"ndarray": "NumPy array", "str": "text", "int": "whole number", "bool": "True or False"}.get(
        type(value).__name__, type(value).__name__)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def described(case: tuple) -> str:
    """The inputs of a case, as they can be typed when they are short."""
    def one(value):
        if isinstance(value, Tensor) and value.numel() > 12:
            return a_kind(value)
        if type(value) in (list, tuple):
            inside = ", ".join(one(v) for v in value)
            return f"[{inside}]" if isinstance(value, list) else f"({inside})"
        if isinstance(value, Tensor):
            return "tensor(" + re.sub(r"\s+", " ", str(rounded(value))) + ")" + (
                f" of shape {tuple(value.shape)}" if 0 in value.shape else "")
        return getattr(value, "__name__", None) or repr(value)
    return ", ".join(one(value) for value in case) if case else "no input"


def rounded(value):
    """Numbers with at most four digits, for a sentence."""
    if isinstance(value, Tensor):
        value = value.detach().tolist()
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value


def difference(got, wanted) -> str:
    """How a result differs from the wanted one, in words that point to the cause."""
    if got is None:
        return "nothing comes back (None): end your code with return and the result."
    if got is ...:
        raise NotImplementedError
    if type(wanted) in (list, tuple):
        if type(got) not in (list, tuple):
            return f"{a_kind(got)} comes back where {len(wanted)} results are wanted: return a, b hands back two."
        if len(got) != len(wanted):
            return f"{len(got)} results come back where {len(wanted)} are wanted."
        k = next(k for k, (v, w) in enumerate(zip(got, wanted)) if not same(v, w))
        return f"at place {k} of the result {difference(got[k], wanted[k])}"
    if isinstance(wanted, (Tensor, int, float)) and isinstance(got, (Tensor, int, float)):
        if isinstance(wanted, Tensor) and wanted.ndim and not isinstance(got, Tensor):
            return f"{a_kind(got)} comes back where a tensor of shape {tuple(wanted.shape)} is wanted."
        return tensors_differ(torch.as_tensor(got).detach(), torch.as_tensor(wanted).detach())
    if type(got) is not type(wanted):
        made = " torch.tensor or torch.stack makes a tensor of it." if isinstance(wanted, Tensor) else ""
        return f"{a_kind(got)} comes back where {a_kind(wanted)} is wanted.{made}"
    return f"{got!r} comes back where {wanted!r} is wanted."


def tensors_differ(got: Tensor, wanted: Tensor) -> str:
    """The same for two tensors: shape, then kind of numbers, then the numbers."""
    if got.shape != wanted.shape:
        shapes = f"your result has shape {tuple(got.shape)}, and {tuple(wanted.shape)} is wanted"
        if got.numel() == wanted.numel() and got.squeeze().shape == wanted.squeeze().shape:
            return f"{shapes}: the numbers are there, only an axis of length 1 is too many or missing."
        if got.ndim == 0:
            return f"{shapes}: one number came out for everything. Name only those axes that should disappear."
        if got.ndim == wanted.ndim == 2 and got.T.shape == wanted.shape:
            return f"{shapes}: rows and columns have changed places."
        return f"{shapes}. Which axes should disappear, and which should stay?"
    if kind(got) != kind(wanted):
        return f"your result holds {kind(got)}, and {kind(wanted)} are wanted."
    if kind(got) == "True and False":
        if (got == ~wanted).all():
            return "each answer is the opposite of what is wanted: True and False have changed places."
        return f"{int((got != wanted).sum())} of {got.numel()} answers are wrong."
    g, w = got.double(), wanted.double()
    if (g.isnan() & ~w.isnan()).any():
        return "nan comes out, which is not a number: that happens when 0 is divided by 0, or a mean is taken of nothing."
    if (g.isinf() & ~w.isinf()).any():
        return "an infinite number comes out: something is divided by 0, or the logarithm of 0 is taken."
    if torch.allclose(g, -w, rtol=1e-3, atol=1e-5):
        return "every number has the wrong sign."
    clear = w.abs() > 1e-6
    factor = (g[clear] / w[clear]).median().item() if clear.any() else math.nan
    if math.isfinite(factor) and abs(factor) > 1e-6 and torch.allclose(g, w * factor, rtol=1e-3, atol=1e-5) and g.numel() > 1:
        return f"every number is {factor:.4g} times what it should be. A sum in place of a mean, or a factor too many or too few?"
    if g.numel() > 1 and torch.allclose(g, w + (g - w).median(), rtol=1e-3, atol=1e-5):
        return f"every number is too large by {rounded((g - w).median().item())}."
    if g.numel() > 1 and torch.allclose(g.flatten().sort()[0], w.flatten().sort()[0], rtol=1e-3, atol=1e-5):
        return "the right numbers come out, but not in their right places."
    place = (g - w).abs().argmax()
    at = [int(k) for k in torch.unravel_index(place, g.shape)] if g.ndim else []
    where = f" at place {at[0] if len(at) == 1 else tuple(at)}" if at else ""
    return f"{rounded(got.flatten()[place])} comes out{where} where {rounded(wanted.flatten()[place])} is wanted."


# What PyTorch's and Python's most frequent messages mean: a pattern in the message, and what to look for.
MEANINGS = [
    (r"leaf Variable that requires grad", "a parameter is changed in place outside of torch.no_grad()."),
    (r"does not require grad", "backward() has no path back to the parameters: were they made with requires_grad, and is the "
                               "loss calculated from them, outside of torch.no_grad() and without detach or item?"),
    (r"grad can be implicitly created only for scalar", "backward() wants one number: take the mean of the losses first."),
    (r"backward through the graph a second time", "the same loss is sent back twice: calculate it anew in each step."),
    (r"could not infer output dtype|Input dtype must be either a floating|Got: (Long|Byte|Bool)|got (Long|Byte|Bool)",
     "mean and its like want floats: put .float() in front."),
    (r"size of tensor a .* must match|shapes cannot be multiplied|Shape mismatch|size mismatch|inconsistent tensor size",
     "two shapes do not fit together: look at .shape of both."),
    (r"Dimension out of range", "an axis is named that this tensor does not have."),
    (r"only one element tensors can be converted|only integer tensors|Boolean value of Tensor with more than one",
     "a whole tensor stands where one number is wanted; .any(), .all() or .sum() make one of many."),
    (r"'NoneType' object has no attribute|unsupported operand .*'NoneType'|NoneType",
     "something is None. A .grad is None before the first backward(), and a function without return gives None."),
    (r"non-empty|need at least one|numel\(\) == 0|empty", "this is an input with nothing in it; say what should come out."),
    (r"can't call numpy\(\) on Tensor that requires grad|Can't call numpy", "write .detach() before .numpy()."),
]


def explained(error: BaseException, answer) -> str:
    """An error in the reader's code: what Python says, in which line, and what it usually means."""
    if isinstance(error, RecursionError):
        return "your function calls itself without end."
    if isinstance(error, (SystemExit, GeneratorExit)):
        return "your code ends the program (exit); take that out."
    message = re.sub(r"[\w.]*<locals>\.", "", (str(error).strip().splitlines() or [""])[0])
    files = {inspect.unwrap(f).__code__.co_filename for f in [answer, *vars(answer).values()] if inspect.isfunction(f)} \
        if hasattr(answer, "__dict__") else set()
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    at = linecache.getline(lines[-1].filename, lines[-1].lineno).strip() if lines else ""
    what = "it ends with an error" if lines else "what comes back cannot be used"
    meaning = next((words for pattern, words in MEANINGS if re.search(pattern, message)), "")
    if isinstance(error, TypeError) and "argument" in message and not lines:
        what, meaning = "it cannot be called as the exercise says", "Keep the inputs that the exercise gives, in their order."
    text = f"{what}{f' in the line  {at}  ' if at else ' '}({type(error).__name__}: {message})."
    return f"{text} {meaning[:1].upper()}{meaning[1:]}".strip()


def also_printed(printed: str) -> str:
    """A remark on what the answer printed, which check does not show."""
    first = printed.strip().splitlines()[:1]
    return f" (It also printed {first[0][:60]!r}; printing shows a value, only return hands it back.)" if first else ""


def wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 88)


# ---------------------------------------------------------------- inputs

def pile(n: int = 3, rows: int = 28, columns: int = 28, seed: int = 0) -> Tensor:
    """Images that are easy to tell apart: float32 (n, rows, columns) in 0…1, nearly half of the pixels black."""
    values = torch.rand(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    return ((values - .4).clamp(min=0) / .6 * 100).round() / 100


# ---------------------------------------------------------------- notebook 01


@compared(
    cases=lambda: [(pile(3),), (pile(1),), (pile(4, 5, 7),), (pile(0),)],
    hints=["A comparison gives True or False for each pixel, and the mean of those is a share. Notebook 1 does it for one digit.",
           "The images stay, so axis 0 stays; rows and columns disappear. Which axes do you name?"],
    mistakes={
        "one number came out for the whole pile: mean() removes every axis. Rows and columns should disappear, so name "
        "these two and leave axis 0 alone.": lambda images: (images > 0).float().mean(),
        "you averaged over the images too early: mean(0) removes axis 0 and leaves the rows and columns. It is the "
        "other way round.": lambda images: (images > 0).float().mean(0),
        "this is the mean light. A grey pixel counts as much as a white one here: ask images > 0 first.":
            lambda images: images.mean((1, 2)),
        "this is how many pixels have ink, not which share of all pixels: take the mean in place of the sum.":
            lambda images: (images > 0).float().sum((1, 2)),
        "this is the share of black pixels: what is left has ink.": lambda images: (images == 0).float().mean((1, 2)),
        "only one of the two axes is gone, so each row or column still has a number of its own.":
            lambda images: (images > 0).float().mean(1),
    },
    right="The mean of a comparison is a share; in the next notebook it becomes the accuracy.")
def ink(images):
    return (images > 0).float().flatten(1).sum(1) / images[0:1].numel() if len(images) else torch.zeros(0)


# ---------------------------------------------------------------- notebook 02


# ---------------------------------------------------------------- notebook 03


# ---------------------------------------------------------------- notebook 04


# ---------------------------------------------------------------- notebook 05


@tried(
    hints=["torch.randperm(n) gives the numbers from 0 to n - 1 in random order, and .split(batch_size) cuts them.",
           "Use the same row numbers for x and for y, or digits and targets lose each other."],
    right="Each digit once in an epoch, in a new order each time, and each with its own target.")
def shuffled_batches(answer):
    for n, size in [(10, 4), (8, 4), (1, 4), (3, 10)]:
        x = torch.arange(n, dtype=torch.float32)[:, None].expand(n, 5).clone()
        y = 100 + x[:, :1]
        got = answer(x.clone(), y.clone(), size)
        need(got is not None, "nothing comes back (None): yield each batch, or return a list of them.")
        got = list(got)
        need(all(type(b) in (tuple, list) and len(b) == 2 for b in got), "each batch should be a pair, xb and yb.")
        xs, ys = torch.cat([xb for xb, yb in got]), torch.cat([yb for xb, yb in got])
        need(len(xs) >= n, f"of {n} digits only {len(xs)} came out: the last batch may be smaller, but it is not left out.")
        need(len(xs) == n, f"of {n} digits {len(xs)} came out: each one should come once.")
        need(len(xs[:, 0].unique()) == n, "some digits came twice and others not at all: drawing with randint puts each "
             "digit back, and dealing cards with randperm does not.")
        need(torch.equal(ys, 100 + xs[:, :1]), "digits and targets no longer belong together: both must be taken with the "
             "same row numbers.")
        need([len(xb) for xb, yb in got] == [min(size, n - k) for k in range(0, n, size)],
             f"{n} digits in batches of {size} came out in the sizes {[len(xb) for xb, yb in got]}.")
    x = torch.arange(50.)[:, None]
    first, second = [torch.cat([xb for xb, yb in answer(x.clone(), x.clone(), 7)]) for _ in range(2)]
    need(not torch.equal(first, x), "the digits come in the order in which they lie: they are not shuffled.")
    need(not torch.equal(first, second), "each pass has the same order: draw a new one each time, without setting a seed "
         "inside.")


# ---------------------------------------------------------------- notebook 06


# ---------------------------------------------------------------- notebook 07

def reported(answer, room: str, *kinds: str, **knobs) -> list:
    """What a room's mended loop returns, each part of its kind: "numbers", a list of floats, or "tensor"."""
    torch.manual_seed(0)
    got = answer(*museum.exhibits(room), **knobs)
    need(got is not None, "nothing comes back (None): keep the last line of the loop, return and what it has noted.")
    parts = [got] if len(kinds) == 1 else list(got) if type(got) in (tuple, list) else []
    need(len(parts) == len(kinds), f"it should return {len(kinds)} things, as before: look at its last line.")
    for part, kind in zip(parts, kinds):
        fits = (isinstance(part, Tensor) and part.numel() > 0 if kind == "tensor" else
                type(part) is list and part and all(isinstance(v, (int, float)) for v in part))
        need(fits, f"{a_kind(part)} comes back where {'a tensor' if kind == 'tensor' else 'a list of numbers'} is "
             "wanted: keep what the loop notes and returns.")
        need(torch.as_tensor(part).isfinite().all(), "some of the numbers that come back are infinite or nan, no "
             "number at all: the steps have become far too large.")
    return [part.detach() if isinstance(part, Tensor) else part for part in parts]


@tried(
    untouched=museum.room_1, seconds=60,
    hints=["Which digits lie in the first batch, and which in the last? Batches has an input that decides about it.",
           "Notebook 5 mends it with one word in the line that makes the batches."],
    right="After the first epoch the model is where the sorted digits had brought it after ten.")
def room_1(answer):
    losses, scores = reported(answer, "room 1", "numbers", "numbers")
    need(len(scores) == 10, f"the accuracy of {len(scores)} epochs comes back, not of ten. More epochs only cover up "
         "how it began: keep the ten, and mend what goes wrong in the first.")
    need(len(losses) >= 160, "it takes fewer steps than before. With larger batches more of them hold both digits, "
         "but the order is as it was, and the steps are fewer: keep the batches of 32.")
    need(len(losses) == 160, "it takes more steps than before. Keep the batches of 32, and mend what they hold.")
    need(max(scores) > .8, "the accuracy stays near one half, or below. Do digits and targets still belong together? "
         "If both are reordered, then both in the same way.")
    need(scores[0] > .6, f"after the first epoch {scores[0]:.3f} of the held-back digits are right, hardly more than "
         "a coin gets: each batch still holds one kind of digit, and the last ones all hold the same. The order of "
         "the training digits has to be mixed; which kind comes last, and the order of the held-back digits, does "
         "not matter.")
    need(sum(losses[-16:]) / 16 < .2, "the steps are smaller than they were. A smaller learning rate makes the jumps "
         "softer and the learning slower, and mends nothing: take it back, and look at what each batch holds.")
    late = max(losses[16:])
    need(late < .7 and scores[0] > .94,
         f"after the first epoch {scores[0]:.3f} of the held-back digits are right, and later the loss of a batch "
         f"still jumps up to {late:.2f}. It is softer, as it is with a smaller learning rate, but many batches still "
         "hold one kind of digit only.")


@tried(
    untouched=museum.room_2, seconds=60,
    hints=["What is in .grad when backward() is called for the second time? Notebook 3 shows it.",
           "Compare the loop with train_epoch in notebook 5, line by line. One is missing."],
    right="The same learning rate, and the loss goes down in every step. Nothing was wrong with the rate.")
def room_2(answer):
    for lr in (.001, .0001):
        losses, = reported(answer, "room 2", "numbers", lr=lr)
        need(len(losses) == 120, f"{len(losses)} losses come back, not 120: stopping early only hides the rest.")
        need(max(losses) - min(losses) > 1e-4, "the loss does not move at all. Are the gradients cleared too early, "
             "after backward() and before the step? Then there is nothing left to step with.")
        rise = max(b - a for a, b in zip(losses, losses[1:]))
        need(rise < 1e-3, f"with a learning rate of {lr} the loss still goes up, by {rise:.3f} in one step. Every "
             "gradient, of the weights and of the bias, has to be cleared once in each step.")
    falling, = reported(answer, "room 2", "numbers", lr=.001)
    need(falling[-1] < .1, f"with a learning rate of .001 the loss only comes down to {falling[-1]:.3f}. A smaller "
         "rate shows less of the first wave, and a part of a wave looks like a slow fall. Keep the rate as it is "
         "given.")


@tried(
    untouched=museum.room_3, seconds=60,
    hints=["Between which two numbers does p lie? Is there a digit with a p that is not above 0?",
           "Scores are cut at 0. What does the sigmoid make of a score of 0?"],
    right="Nothing about the training has changed: the model was good all the time, and now we can see it.")
def room_3(answer):
    losses, scores, p = reported(answer, "room 3", "numbers", "numbers", "tensor")
    need(len(scores) == len(losses) == 10, f"{len(losses)} losses come back, not ten: keep the ten epochs.")
    need(p.shape == (500, 1), "the predictions should have the shape (500, 1), as before.")
    need(losses[-1] < .12 or p.min() < 0, "the loss on the held-back digits was .08 before, and now it is higher: "
         "leave the training as it is. Only the counting is wrong.")
    need(not all(abs(score - .5) < 1e-6 for score in scores), "the accuracy is still one half in all epochs: every "
         "digit gets the same answer. p is a probability, so which number has as many p below it as above it when "
         "the model is unsure?")
    need(min(scores) > .5, "the accuracy is below one half. If the answer was turned round (1 - accuracy, < in place "
         "of >), turn it back: the side is right, only the border is not.")
    _, _, x, y = museum.exhibits("room 3")
    border = .5 if 0 <= p.min() and p.max() <= 1 else 0
    truth = ((p > border) == (y > .5)).float().mean().item()
    need(abs(scores[-1] - truth) < 1e-6, f"it reports {scores[-1]:.4f} for the last epoch, and of these predictions "
         f"{truth:.4f} are on the right side. Is the border where the model is undecided: 0 for scores, one half for "
         "probabilities?")


@tried(
    untouched=museum.room_4, seconds=60,
    hints=["Print model(x).shape, y.shape, and the shape of their difference.",
           "Targets as a column, (n, 1), would have no such trouble: notebook 4 makes them with [:, None]."],
    right="Now each prediction is compared with one target, its own. One check of two shapes would have found it.")
def room_4(answer):
    losses, before, after = reported(answer, "room 4", "numbers", "tensor", "tensor")
    need(after.numel() == 500, f"predictions for the 500 held-back digits are wanted, and {a_kind(after)} comes back.")
    after = after.flatten().float()
    apart = (after[:250].mean() - after[250:].mean()).item()
    need(apart > -.1, "3s get lower predictions than 7s now: the targets are the wrong way round.")
    need(apart > .5, f"3s and 7s still get about the same predictions, {after[:250].mean():.2f} and "
         f"{after[250:].mean():.2f} on average. What is the shape of model(x) - y? The learning rate, the number of "
         "steps and other losses change nothing about it.")


@tried(
    untouched=museum.room_5, seconds=60,
    hints=["Where does nn.Linear start its weights, and where do they start here? Notebook 6 compares several starts.",
           "Two lines undo what nn.Linear has done. Do we need them? If you keep them, which std is about 1 / 28?"],
    right="Now the model starts undecided, and there is hardly any noise for new digits to meet.")
def room_5(answer):
    training, validation, first, weights = reported(answer, "room 5", "numbers", "numbers", "tensor", "tensor")
    need(weights.shape == (30, 784), f"weights of shape (30, 784) are wanted, and not {tuple(weights.shape)}.")
    need(len(training) == len(validation) == 20, f"{len(training)} epochs come back, not twenty. More or fewer of "
         "them leave the cause where it is: something was wrong before the first step.")
    p = first.sigmoid()
    sure = ((p < .01) | (p > .99)).float().mean().item()
    need(sure < .05, f"before the first step the model is still more than 99 % sure on {100 * sure:.0f} of 100 digits. "
         "Its first scores are too large, because its weights are.")
    rows, columns = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    border = weights[:, ((rows < 2) | (rows > 25) | (columns < 2) | (columns > 25)).flatten()].abs().mean().item()
    need(border < .15, f"the weights of the border are still {border:.2f} in size, on average: the first scores are "
         "smaller, but the noise is still in the first layer.")
    need(training[-1] > .9, "now it does not learn. Do all weights start at 0, or all at the same number? Then all "
         "hidden units stay alike, as in notebook 6: small, but random.")
    need(validation[-1] > .96, f"on the held-back digits it ends at {validation[-1]:.3f}. A good start ends above .96.")


@tried(
    untouched=museum.room_6, seconds=60,
    hints=["What is the smallest number that the last layer can give? Which probability is that?",
           "The net in notebook 6 ends differently: compare the layers one by one."],
    right="7s may have scores below 0 again, and the loss has lost its floor.")
def room_6(answer):
    losses, scores = reported(answer, "room 6", "numbers", "tensor")
    need(len(losses) == 20, f"{len(losses)} losses come back, not twenty: more epochs do not get through a floor.")
    need(scores.numel() == 500, f"scores for the 500 held-back digits are wanted, and {a_kind(scores)} comes back.")
    lowest = scores.min().item()
    need(lowest < 0, f"the lowest score is {rounded(lowest)}, so none is below 0, and no digit can be called a 7 with "
         "more certainty than a coin. Which layer does that? It is the last one that decides.")
    need(losses[-1] < .15, f"some scores are below 0 now, the lowest is {rounded(lowest)}, but the loss ends at "
         f"{losses[-1]:.3f}: the floor is lower, or softer, and still there. A score must be free to take any value.")


@tried(
    untouched=museum.room_7, seconds=120,
    hints=["500 digits in batches of 499: how much does the last digit count, and how much should it?",
           "Weigh each batch by its number of digits, and divide by the number of all digits, as in notebook 5."],
    right="Every digit counts once, so it does not matter how they are cut.")
def room_7(answer):
    scores, = reported(answer, "room 7", "numbers")
    wanted = museum.visit("room 7")[-1]                          # all digits in one batch: right even there
    need(len(scores) == 500, f"{len(scores)} scores come back, not 500, one for each batch size. The sizes that "
         "divide 500 do agree, but a right average works for all.")
    need(all(score <= 1.0001 for score in scores), "some scores are above 1. Divide by the number of digits if you "
         "count digits, and by the number of batches if you count batches.")
    spread = max(scores) - min(scores)
    need(spread < 1e-4, f"the score still depends on the batch size: it lies between {min(scores):.4f} and "
         f"{max(scores):.4f}, for the same model and the same digits. Does each digit count once, those in the last "
         "batch too?")
    need(abs(scores[0] - wanted) < 1e-4,
         f"all scores are {scores[0]:.4f} now, but {wanted:.4f} of the digits are right.")


@tried(
    untouched=museum.room_8, seconds=120,
    hints=["Which pixel of an image is number 0, and which is number 39? How bright are they, in all images together?",
           "x.mean(0) is the mean image, as a row. Choose forty places where it is bright."],
    right="The loop was right all the time. It only asked the wrong weights.")
def room_8(answer):
    losses, slopes = reported(answer, "room 8", "numbers", "numbers")
    need(len(losses) == len(slopes), "losses and slopes should be noted together, one of each for each nudge.")
    need(any(slopes), "every slope is still exactly 0. A larger nudge, a larger rate or more rounds cannot help: "
         "which pixels belong to the weights that are nudged?")
    need(len(slopes) <= 784, f"{len(slopes)} nudges are more than there are weights: choose better ones instead.")
    fall = losses[0] - losses[-1]
    need(fall > -1e-3, "the loss goes up: the step has to go against the slope.")
    need(fall > .01, f"the loss falls only by {fall:.4f}. Most of the weights that you try still belong to pixels "
         "that are black, or nearly black, in all images.")
