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
from types import SimpleNamespace
from typing import Any, Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import Batches, accuracy, as_xy, fit, load_digits, train_epoch, validate_epoch, wiggle


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
        return code.co_code == given.__code__.co_code and constants(code) == constants(given.__code__)
    return all(i.opname in ("RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST") and
               (i.opname in ("RESUME", "NOP", "RETURN_VALUE") or i.argval in (None, ...)) for i in dis.get_instructions(code))


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


@compared(
    cases=lambda: [(10, 4, 1), (8, 4, 3), (3, 10, 2), (1, 1, 1), (500, 32, 40), (0, 4, 5)],
    hints=["How many batches does one epoch have, when the last one may be smaller? Notebook 5 has a class that knows "
           "it.",
           "10 / 4 is 2.5, and that means 3 batches. math.ceil rounds up."],
    mistakes={
        "the digits that are left over at the end of an epoch get no step: // throws the remainder away. They make a "
        "smaller last batch, and that is a step too.": lambda n, batch_size, epochs: n // batch_size * epochs,
        "there is half a step or the like in it. A batch that is not full still makes a whole step: round up, before "
        "you multiply.": lambda n, batch_size, epochs: n / batch_size * epochs,
        "these are the steps of one epoch, and there are several.": lambda n, batch_size, epochs: -(-n // batch_size),
        "you count one batch too many where the digits fill the last batch exactly, as 8 digits fill two batches of 4.":
            lambda n, batch_size, epochs: (n // batch_size + 1) * epochs,
        "you treat all epochs as one long row of digits. But each epoch ends with a batch of its own, full or not: "
        "count the batches of one epoch first.": lambda n, batch_size, epochs: -(-n * epochs // batch_size),
    },
    right="With batches of 32, forty epochs are 640 steps. With all digits in one batch, the same forty epochs are "
          "only 40.")
def number_of_steps(n, batch_size, epochs):
    return len(range(0, n, batch_size)) * epochs


@compared(
    cases=lambda: [([1., .5], [300, 100]), ([.5, .75, 1.], [4, 4, 2]), ([.25], [7]), ([.9, .7], [5, 5]),
                   ([2., 4., 8.], [1, 2, 1])],
    hints=["A batch's mean times its size is the sum over its digits. Which sum do you need, and what do you divide it "
           "by?",
           "zip(values, sizes) walks along both lists at once. You need the sum of value times size over all batches."],
    mistakes={
        "this is the plain mean of the batch means. A digit in a small batch counts more in it than one in a large "
        "batch: count digits, not batches.": lambda values, sizes: sum(values) / len(values),
        "you divided by the number of batches. Value times size is a sum over digits, so divide by the number of "
        "digits.":
            lambda values, sizes: sum(v * n for v, n in zip(values, sizes)) / len(values),
        "this is the sum over all digits. Divide it by how many digits there are.":
            lambda values, sizes: sum(v * n for v, n in zip(values, sizes)),
        "you divided each mean by the size of its batch, so small batches count most. It is the other way round: "
        "multiply.":
            lambda values, sizes: sum(v / n for v, n in zip(values, sizes)) / sum(1 / n for n in sizes),
        "the sum of the means is divided by the number of digits. A mean stands for all digits of its batch: give it "
        "that weight first.": lambda values, sizes: sum(values) / sum(sizes),
        "one number for each batch comes back. These are the shares of the batches: add them up.":
            lambda values, sizes: torch.tensor(values) * torch.tensor(sizes) / sum(sizes),
        "all batches are treated as if they were as large as the first one. The last one may be smaller.":
            lambda values, sizes: sum(values) * sizes[0] / sum(sizes),
    },
    right="However you cut the digits into batches, the result is the same now. The plain mean changes with the batch "
          "size.")
def mean_over_batches(values, sizes):
    return (torch.tensor(values) @ torch.tensor(sizes).float()).item() / sum(sizes)


@tried(
    hints=["torch.randperm(n) gives the numbers from 0 to n - 1 in random order, and .split(batch_size) cuts them.",
           "Take the same row numbers for x and for y, or digits and targets lose each other.",
           "A loop over the groups of row numbers; in it, yield a pair, taken from x and from y with these rows."],
    right="Each digit once in an epoch, in a new order each time, and each with its own target. PyTorch's DataLoader "
          "with shuffle=True does the same.")
def shuffled_batches(answer):
    def once(x, y, size):
        mine = x.clone()
        got = answer(mine, y.clone(), size)
        need(got is not None, "nothing comes back (None): yield each batch, or return a list of them.")
        need(hasattr(got, "__iter__"), f"{a_kind(got)} comes back where batches are wanted: yield each batch, or "
             f"return a list.")
        got = list(got)
        need(all(type(b) in (tuple, list) and len(b) == 2 and all(isinstance(t, Tensor) for t in b) for b in got),
             "each batch should be a pair of tensors, xb and yb.")
        need(torch.equal(mine, x), "your code shuffles x itself, and whoever called it is left with the digits in "
             "another order. Leave x as it is, and take rows from it.")
        need(all(xb.ndim == yb.ndim == 2 and len(xb) == len(yb) for xb, yb in got), "in a batch, xb should have a row "
             "for each digit, (b, 784) for our digits, and yb one target for each, (b, 1).")
        need(got, f"no batch at all comes out of {len(x)} digits.")
        return got

    x = torch.arange(50.)[:, None]
    first, second = once(x, x, 7), once(x, x, 7)
    rows = [xb[:, 0] for xb, yb in first]
    need(len(rows) > 1, "all digits come in one batch: cut them into groups of batch_size.")
    need(not torch.equal(torch.cat(rows), x[:, 0]), "the digits come in the order in which they lie: they are not "
         "shuffled.")
    need(not all((r.sort()[0].diff() == 1).all() for r in rows), "digits that lie side by side stay together in one "
         "batch. Our digits lie sorted, so a batch would hold only one kind: shuffle all digits before you cut.")
    need(not all(torch.equal(xb, xc) for (xb, _), (xc, _) in zip(first, second)), "each pass has the same order: draw "
         "a new one each time, without setting a seed inside.")
    for n, size in [(10, 4), (8, 4), (1, 4), (3, 10)]:
        x = torch.arange(n, dtype=torch.float32)[:, None].expand(n, 5).clone()
        got = once(x, 100 + x[:, :1], size)
        xs, ys = torch.cat([xb for xb, yb in got]), torch.cat([yb for xb, yb in got])
        need(len(xs) >= n, f"of {n} digits only {len(xs)} came out: the last batch may be smaller, but it is not left "
             f"out.")
        need(len(xs) == n, f"of {n} digits {len(xs)} came out: each one should come once.")
        need(len(xs[:, 0].unique()) == n, "some digits came twice and others not at all: drawing with randint puts "
             "each digit back, and dealing cards with randperm does not.")
        need(torch.equal(ys, 100 + xs[:, :1]), "digits and targets no longer belong together: both must be taken with "
             "the same row numbers.")
        need([len(xb) for xb, yb in got] == [min(size, n - k) for k in range(0, n, size)],
             f"{n} digits in batches of {size} came out in the sizes {[len(xb) for xb, yb in got]}. Only the last "
             "batch may be smaller.")


@tried(
    hints=["Each parameter needs a velocity of its own that lives from step to step: a list of zeros beside the list "
           "of parameters, made in __init__ and kept in self.",
           "In step, for each parameter whose .grad is not None: first velocity = momentum * velocity + grad, then the "
           "parameter changes by lr times the velocity, under torch.no_grad().",
           "model.parameters() can be walked through only once, so keep self.params = list(params). zero_grad sets "
           "each .grad to None and leaves the velocities alone."],
    right="The same path as torch.optim.SGD, step by step. With momentum=1 the velocity is the sum of all gradients so "
          "far: that is the loop of notebook 3 that forgot to zero, a ball without friction.")
def Momentum(answer):
    def path(make, lr, momentum, walk):
        """Ten steps in a valley that is steep for w and flat for b; `walk` hands the parameters over."""
        w, b, unused = (torch.zeros(1, requires_grad=True) for _ in range(3))
        opt, places = make(walk([w, b, unused]), lr, momentum), [torch.zeros(2)]
        for method in ("step", "zero_grad"):
            need(callable(getattr(opt, method, None)), f"what it makes has no method {method}: the training loop calls "
                 "opt.step() and opt.zero_grad().")
        for _ in range(10):
            (10 * (w - 1) ** 2 + (b + 2) ** 2).sum().backward()
            opt.step()
            opt.zero_grad()
            places.append(torch.cat([w, b]).detach())
        return torch.stack(places)

    def by_hand(velocity_of, keep=list):
        """Momentum with a velocity for each velocity_of(parameter)."""
        def make(params, lr, momentum):
            params, seen, velocity = keep(params), [], {}

            @torch.no_grad()
            def step():
                for p in params:
                    if p.grad is not None:
                        velocity[velocity_of(p)] = momentum * velocity.get(velocity_of(p), 0) + p.grad
                        p -= lr * velocity[velocity_of(p)]
                    seen.append(p)

            def zero_grad():
                for p in seen:
                    p.grad = None
            return SimpleNamespace(step=step, zero_grad=zero_grad)
        return make

    sgd = torch.optim.SGD
    mistakes = {
        "the parameters stay where they started. Either the steps go into a new tensor (p = p - … makes one, p -= … "
        "changes p), or there is nothing to walk through: model.parameters() can be walked through once, and "
        "list(params) keeps it.":
            lambda params, lr, momentum: sgd(params, 0.),
        "the parameters move once and then never again: model.parameters() can be walked through only once. Keep "
        "list(params).":
            by_hand(id, keep=iter),
        "your path is that of plain SGD: the velocity does not live from one step to the next. Keep it in self, let "
        "the step use it, and let zero_grad forget the gradients only.": lambda params, lr, momentum: sgd(params, lr),
        "the gradient comes in with the factor 1 - momentum. Many books write it so; PyTorch adds the whole gradient, "
        "which makes larger steps. Here it should be PyTorch's way.":
            lambda params, lr, momentum: sgd(params, lr * (1 - momentum), momentum=momentum),
        "the gradient is multiplied by the momentum too. Only the old velocity is slowed down; the new gradient is "
        "added whole.": lambda params, lr, momentum: sgd(params, lr * momentum, momentum=momentum),
        "all parameters share one velocity, so each is pushed by the gradients of the others. Keep one for each.":
            by_hand(type),
        "it climbs instead of descending: the velocity is a sum of gradients, and these point upwards. Subtract.":
            lambda params, lr, momentum: sgd(params, lr, momentum=momentum, maximize=True),
        "the gradients pile up: zero_grad does not forget them, so each backward() adds to the old ones. Set each "
        ".grad to None.": lambda params, lr, momentum: type("Piled", (sgd,), {"zero_grad": lambda self: None})(
            params, lr, momentum=momentum),
    }
    for lr, momentum, walk in [(.02, .9, list), (.02, .9, iter), (.04, .5, list), (.04, 0., list), (.01, 1., list)]:
        got = path(answer, lr, momentum, walk)
        wanted = path(lambda params, lr, momentum: sgd(params, lr, momentum=momentum), lr, momentum, walk)
        if same(got, wanted):
            continue
        for sentence, mistake in mistakes.items():
            need(not same(got, path(mistake, lr, momentum, walk)), sentence)
        step = next(k for k in range(11) if not same(got[k], wanted[k]))
        side = int(same(got[step, 0], wanted[step, 0]))
        was, now, should = (f"{v[side]:.4g}" for v in (wanted[step - 1], got[step], wanted[step]))
        need(False, f"with lr={lr} and momentum={momentum}, step {step} is the first that differs from PyTorch's: a "
             f"parameter goes from {was} to {now}, and should go to {should}. Follow the example in the description by "
             f"hand.")


@compared(
    cases=lambda: [([.9, .5, .6, .7, .4], 2), ([.9, .5, .6, .4, .5, .6, .7, .8], 3), ([.9, .8, .7], 2), ([.5], 1),
                   ([.5, .5, .5, .4], 2), ([.5, .6, .55, .3], 2), ([.5, math.nan, .6, .4], 2),
                   ([math.nan, .5, .6, .4, .7], 3), ([.9, .5, .6], 5), ([.5, .6, .4], 1),
                   ([.9, .5, .8, .7, .6, .55, .4], 4),
                   ([.8, .5, .6, .6, .7, .7, .8, .3], 2)],
    hints=["Walk through the losses and keep two things: the lowest loss so far, and the epoch in which it came.",
           "math.inf is larger than any loss, so the first number is always better. And nan is not below anything, so "
           "< treats it as it should.",
           "Patience runs out when the epoch number is `patience` larger than that of the best epoch."],
    mistakes={
        "each loss is compared with the one before. It should be compared with the best so far: after .5 and .6, a .55 "
        "is lower than the last, but still no better than the best.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: v[k] < v[k - 1]),
        "it waits one epoch too long: with patience 2 it stops after the second epoch that is no better.":
            lambda losses, patience: stops_at(losses, patience + 1),
        "it stops one epoch too early: with patience 2, two epochs have to be no better than the best.":
            lambda losses, patience: stops_at(losses, patience - 1),
        "an equal loss counts as better. No longer getting better means just that: equal is not better, so patience "
        "runs on.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: v[k] <= v[best]),
        "a loss of nan counts as better. Every comparison with nan is False, so ask whether the new loss is lower, and "
        "not whether it is higher.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: not v[k] >= v[best]),
        "when the first loss is nan, no later one is ever better: nothing is lower than nan. Begin with math.inf as "
        "the best loss instead.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: not best or v[k] < v[best]),
        "the epoch in which training stops comes back as the best one too. It is only the epoch in which we noticed; "
        "the best one lies `patience` epochs before.": lambda losses, patience: (stops_at(losses, patience)[0],) * 2,
        "the two results have changed places: first the epoch in which it stops, then the best.":
            lambda losses, patience: stops_at(losses, patience)[::-1],
        "your epochs begin at 0. We count from 1, so that the number of the last epoch is how many there were.":
            lambda losses, patience: tuple(epoch - 1 for epoch in stops_at(losses, patience)),
        "you look into the future: the best epoch is chosen from all losses, also from those after training has "
        "stopped.":
            lambda losses, patience: (stops_at(losses, patience)[0], stops_at(losses, len(losses))[1]),
        "it never stops early: it goes through all losses, whatever the patience.":
            lambda losses, patience: (len(losses), stops_at(losses, len(losses))[1]),
        "the epochs that are no better are counted all in all. The count begins again at 0 with each new best.":
            lambda losses, patience: stops_at(losses, patience, in_a_row=False),
    },
    right="These are the two epochs that fit_until needs: it ends after the first and goes back to the parameters of "
          "the second.")
def stops_at(losses, patience, better=lambda v, k, best: v[k] < v[best], in_a_row=True):
    values, best, waited = [math.inf, *losses], 0, 0
    for epoch in range(1, len(values)):
        if better(values, epoch, best):
            best, waited = epoch, 0 if in_a_row else waited
        else:
            waited += 1
            if waited >= patience:
                return epoch, best
    return len(losses), best


@tried(
    hints=["__init__ only stores what it is given, and self.epoch = 0. fit is a loop over epochs; train_epoch does one "
           "of them.",
           "After each epoch: add 1 to self.epoch, then call every callback with self and collect what they return in "
           "a list.",
           "break ends only the innermost loop. Look at the collected answers after the loop over the callbacks, not "
           "inside."],
    right="Recording, stopping, printing, saving: all of it now fits in from outside, and the loop never changes "
          "again. fastai's Learner is built in this way.")
def CallbackLearner(answer):
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    train = Batches(x, (x[:, :1] > 0).float(), 8)

    def begin(callbacks, made=answer):
        model = nn.Linear(3, 1)
        nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
        opt = torch.optim.SGD(model.parameters(), lr=.5)
        if made is None:
            return model, opt
        learner = made(model, opt, train, callbacks)
        need(callable(getattr(learner, "fit", None)), "what it makes has no method fit: it should be a class with "
             "__init__ and fit, as in the stub.")
        return learner, model

    def numbers(model):
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    (model, opt), states = begin([], None), []
    for _ in range(8):
        states.append(numbers(model))
        train_epoch(model, opt, train)

    def epochs_of(model):
        return next((k for k, state in enumerate(states) if torch.allclose(state, numbers(model), atol=1e-6)), None)

    def epoch_of(learner):
        return getattr(learner, "epoch", None)

    learner, model = begin([])
    learner.fit(2)
    done = epochs_of(model)
    need(done != 0, "after fit(2) the model is as it was: train it in each epoch, with train_epoch or with the loop in "
         "it.")
    need(done is not None, "after fit(2) the model is not where two epochs of train_epoch lead. Is each batch used "
         "once in each epoch, and are the gradients zeroed after each step?")
    need(done == 2, f"after fit(2) the model has been trained for {done} epoch{'s' * (done != 1)}.")
    need(epoch_of(learner) == 2, f"after fit(2), learner.epoch should be 2, and it is {rounded(epoch_of(learner))}.")

    calls = []
    learner, model = begin([lambda *got: calls.append(("a", got, epochs_of(model), epoch_of(learner))),
                            lambda *got: calls.append(("b", got, epochs_of(model), epoch_of(learner)))])
    learner.fit(3)
    need(calls, "the callbacks are never called: go through self.callbacks after each epoch.")
    need(all(len(got) == 1 and got[0] is learner for _, got, _, _ in calls), "a callback should be given the learner "
         "itself and nothing else: callback(self).")
    need(epochs_of(model) == 3, f"fit(3) ended after {epochs_of(model)} of 3 epochs although no callback returned "
         "True. One that returns nothing gives None, and that is no reason to stop.")
    need("".join(name for name, *_ in calls) not in ("ab", "aabb"), "the callbacks are called only once, for all "
         "epochs together. They want to be called after each epoch.")
    times = sum(name == "a" for name, *_ in calls)
    need(times == len(calls) - times == 3, f"in 3 epochs of 3 batches each, the first callback was called {times} "
         f"times and the second {len(calls) - times} times. Each should be called once after each epoch.")
    need([name for name, *_ in calls] == ["a", "b"] * 3, "the callbacks are not called in the order in which they were "
         "given.")
    need([done for _, _, done, _ in calls] == [1, 1, 2, 2, 3, 3], "the callbacks are called before the epoch is "
         "trained, and should be called after it.")
    need([epoch for *_, epoch in calls] == [1, 1, 2, 2, 3, 3], f"after the first epoch a callback sees learner.epoch = "
         f"{rounded(calls[0][3])}, and should see 1: count the epoch first, then call the callbacks.")

    ends, behind = [], []
    for place in (0, 1):
        callbacks, called = [lambda learner: learner.epoch == 2], []
        callbacks.insert(1 - place, lambda learner: called.append(1))
        learner, model = begin(callbacks)
        learner.fit(5)
        ends.append(epochs_of(model))
        behind.append(len(called))
    need(ends != [5, 5], "a callback returned True after epoch 2, and training went on to the end. Look at what the "
         "callbacks return, and remember that break ends only the innermost loop.")
    need(ends[0] == 2, "when the first of two callbacks returns True, training goes on. Does the answer of the second "
         "one take the place of the first one's?")
    need(ends[1] == 2, "only the first callback can stop the training. Any of them should be able to.")
    need(behind[0] == 2, "when a callback returns True, the ones behind it are not called any more in that epoch. "
         "any(…) over a generator, or, break and return all stop looking at the first True: call all of them first.")

    learner, model = begin([lambda learner: learner.epoch % 2 == 0])
    learner.fit(9)
    learner.fit(9)
    need(not (epochs_of(model) == 4 and epoch_of(learner) == 2), "with a second fit, learner.epoch begins again at 0. "
         "It should count on: how many epochs it has trained so far, over all calls of fit.")
    need(epochs_of(model) == 4 and epoch_of(learner) == 4, "a second fit should train on until a callback returns True "
         f"again, here from epoch 2 to epoch 4, and it ended with learner.epoch = {rounded(epoch_of(learner))}. Is "
         f"something "
         "left over from the first fit?")


# ---------------------------------------------------------------- notebook 06


@compared(
    cases=lambda: [(torch.tensor([-2., 0., 3.]), .1), (torch.tensor([[-1., 4.], [.5, -.25]]), .2),
                   (torch.tensor([-5.]), 0.), (torch.tensor([2., -3.]), 1.), (torch.zeros(0), .1)],
    hints=["torch.where(condition, a, b) takes a where the condition holds, and b elsewhere.",
           "Or write the hinge as two halves: s.clamp(min=0) is the part above 0, and s.clamp(max=0) the part below."],
    mistakes={
        "this is the plain ReLU: negative numbers become 0. Here they are multiplied by the slope.":
            lambda s, slope: s.clamp(min=0),
        "negative numbers come out positive. Below 0 the graph goes on falling to the left, only less steeply.":
            lambda s, slope: torch.where(s > 0, s, -slope * s),
        "the slope is on the positive side. Positive numbers stay as they are.":
            lambda s, slope: torch.where(s > 0, slope * s, s),
        "everything is multiplied by the slope, so there is no bend left: that is a linear function.":
            lambda s, slope: slope * s,
        "the positive side is right, and the negative one has the slope itself as its value. Multiply s by it.":
            lambda s, slope: torch.where(s > 0, s, torch.as_tensor(slope)),
        "the graph stops falling at the height -slope. Multiply by the slope, instead of cutting off there.":
            lambda s, slope: s.clamp(min=-slope),
        "the positive side is too steep: you add slope times s everywhere. Add it below 0 only.":
            lambda s, slope: s.clamp(min=0) + slope * s,
    },
    right="Below 0 the slope is small, but it is not 0. So a gradient always comes back, and no unit can die.")
def leaky_relu(s, slope):
    return s.clamp(min=0) + slope * s.clamp(max=0)


@compared(
    cases=lambda: [([784, 30, 1],), ([784, 1],), ([2, 3, 4, 1],), ([5],), ([1, 1],), ([28, 28, 28],)],
    hints=["Each layer lies between two neighbours of the list: 784 and 30, then 30 and 1.",
           "A layer from n inputs to m outputs has n · m weights, and one bias for each output. zip(sizes, sizes[1:]) "
           "gives the neighbours."],
    mistakes={
        "you count the weights and not the biases: each output of a layer has one.":
            lambda sizes: sum(n * m for n, m in zip(sizes, sizes[1:])),
        "you give the inputs biases too. A bias belongs to an output of a layer, and the pixels are no outputs.":
            lambda sizes: sum(n * m for n, m in zip(sizes, sizes[1:])) + sum(sizes),
        "you multiply all sizes. Each layer only connects two neighbours: multiply these, and add up over the layers.":
            lambda sizes: math.prod(sizes),
        "there is one bias for each layer in it, and it should be one for each output of the layer.":
            lambda sizes: sum(n * m + 1 for n, m in zip(sizes, sizes[1:])),
        "the biases are counted on the wrong side: a layer from n inputs to m outputs has m of them.":
            lambda sizes: sum(n * m + n for n, m in zip(sizes, sizes[1:])),
        "this is the number of units, not of parameters. Each layer has a weight for every pair of input and output.":
            lambda sizes: sum(sizes),
        "only the first layer is counted.": lambda sizes: sizes[0] * sizes[1] + sizes[1] if len(sizes) > 1 else 0,
    },
    right="The first layer has nearly all of them: it meets every pixel. Keep that in mind for a later exercise.")
def parameters_of(sizes):
    return sum((n + 1) * m for n, m in zip(sizes, sizes[1:]))


@compared(
    cases=lambda: [(torch.tensor([[0., 0., 0., 0., 2., 0., 1.], [0.] * 7, [0., 3., 0., 1., 0., 0., 2.]]),),
                   (torch.tensor([[0., 2., 0.], [0., 0., 1.]]),),
                   (pile(1, 6, 4)[0].mul(torch.tensor([1., 0., 1., 0.])),),
                   (torch.tensor([[0., .5, 0., 0.]]),), (torch.tensor([[0., -1., 1.], [0., 1., 0.]]),),
                   (torch.tensor([[-.2, 0., 0.], [-.1, 0., 3.], [-.3, 0., 0.]]),),
                   (torch.ones(5, 2),), (torch.zeros(3, 2),)],
    hints=["For which units is it 0 for every digit? The digits are axis 0, the units axis 1. Which axis has to "
           "disappear?",
           "(activations == 0).all(0) has one answer for each unit. How many of them are True?"],
    mistakes={
        "you count zeros. A 0 here and there is what a ReLU is for; a dead unit has 0 for every digit, so look at "
        "whole columns.":
            lambda a: (a == 0).sum(),
        "you count units that are 0 for some digit. Dead means for every digit: all, not any.":
            lambda a: (a == 0).any(0).sum(),
        "you count digits for which every unit is 0. The units are the columns: let axis 0 disappear.":
            lambda a: (a == 0).all(1).sum(),
        "this is how many units are alive.": lambda a: (a != 0).any(0).sum(),
        "this is the share of dead units, and the number is wanted.": lambda a: (a == 0).all(0).float().mean(),
        "units come out as dead whose activations add up to 0 although they are not 0 themselves. Behind a leaky ReLU "
        "activations may be negative: ask of each one whether it is 0.": lambda a: (a.sum(0) == 0).sum(),
        "units come out as dead that are never above 0. Behind a leaky ReLU activations may be negative, and such a "
        "unit still learns: ask whether they are 0.": lambda a: (a <= 0).all(0).sum(),
        "units count as dead whose mean is 0 or less. Behind a leaky ReLU activations may be negative: ask of each one "
        "whether it is 0.": lambda a: (a.mean(0) <= 0).sum(),
        "one answer for each unit comes out, True where it is dead. How many are True?": lambda a: (a == 0).all(0),
    },
    right="In the ReLU net of this notebook no unit was dead. Try it on a net that starts with std 1, or with a large "
          "learning rate.")
def dead_units(activations):
    return int(activations.shape[1] - activations.ne(0).any(0).sum())


@tried(
    hints=["How far did the lesson's wiggle move the digits, and how far do they move now? And in which directions?",
           "wiggle itself takes the size of each change as an argument. Most digits have a margin of about 4 pixels, "
           "so not much of it gets lost at the edge.",
           "If you write your own: x.view(-1, 28, 28) makes images of the rows, roll moves one of them, and each image "
           "needs random numbers of its own."],
    seconds=120,
    right="The net learns what it is shown; what a shift is, it still does not know. It also has more to learn now, so "
          "on digits that nobody moved it may lose a little.")
def better_wiggle(answer):
    corner = torch.zeros(28, 28)                                 # an L: it tells left from right, and up from down
    corner[8:20, 10:12], corner[18:20, 10:18] = 1, 1
    x = corner.flatten().expand(60, -1).clone()
    given, got = x.clone(), answer(x)
    need(got is not None, "nothing comes back (None): end your code with return and the wiggled digits.")
    need(isinstance(got, Tensor), f"{a_kind(got)} comes back where a tensor of shape (n, 784) is wanted.")
    need(got.shape == x.shape, f"60 digits go in with shape (60, 784), and {a_kind(got)} comes back. .flatten(1) makes "
         "rows of images again.")
    need(got.is_floating_point(), f"your result holds {kind(got)}, and floats are wanted.")
    need(torch.equal(x, given), "your code changes the digits that it is given, so the next epoch would wiggle the "
         "wiggled ones. Work on a copy, made with .clone().")
    need(not got.isnan().any(), "nan comes out, which is not a number.")
    need(got.min() > -1e-3 and got.max() < 1.001, f"pixels from {got.min():.2f} to {got.max():.2f} come out. They "
         "should stay between 0 and 1, as ink does.")
    need(not torch.allclose(got, x, atol=1e-3), "nothing is wiggled: the digits come back as they are.")
    need(not torch.allclose(got, got[:1].expand_as(got), atol=1e-3), "all digits of a batch get the same wiggle. Draw "
         "random numbers for each image, not one for all.")
    need(not torch.allclose(answer(given.clone()), got, atol=1e-3), "each call draws the same wiggle again, so the net "
         "sees the same digits in every epoch. Is a seed set inside?")
    images = got.view(-1, 28, 28)
    need((images.sum((1, 2)) > .6 * corner.sum()).float().mean() > .9, "in many of the images much of the ink is gone. "
         "Do they move so far that the digit leaves the image, or are they made much smaller?")
    there, sides = images > .3, []
    for axis in (1, 2):                                  # is most of the ink where it was: below, and on the left?
        on = there.any(3 - axis)
        middle = (on.float().argmax(1) + 27 - on.flip(1).float().argmax(1)) / 2
        light = images.sum(3 - axis)
        sides.append((light * torch.arange(28.)).sum(1) / light.sum(1) - middle)
    need((sides[1] < 0).float().mean() > .8, "many images are mirrored, or turned so far that left and right change "
         "places. A mirrored 3 is no 3 that anybody writes.")
    need((sides[0] > 0).float().mean() > .8, "many images stand on their heads, or are turned so far that up and down "
         "change places. Nobody writes a 7 like that.")

    train_x, train_y, valid_x, valid_y = load_digits(dataset="bundled")
    (x, y), (_, vy) = as_xy(train_x, train_y, 3), as_xy(valid_x, valid_y, 3)

    class Wiggled(Batches):
        def __iter__(self):
            return iter(Batches(answer(self.x.clone()), self.y, 32, shuffle=True, seed=int(torch.randint(9999, ()))))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    opt = torch.optim.SGD(model.parameters(), lr=.3)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, 60)
    fit(model, opt, Wiggled(x, y, 32), [(x[:1], y[:1])], 60, schedule)
    need(not model[0].weight.isnan().any(), "the net learned nothing but nan: something infinite was among the wiggled "
         "digits.")
    moves = {"to the left": (-4, 4, 0, 0), "to the right": (4, -4, 0, 0), "up": (0, 0, -4, 4), "down": (0, 0, 4, -4),
             "nowhere": (0, 0, 0, 0)}
    with torch.no_grad():
        score = {name: accuracy(model(F.pad(valid_x, move).flatten(1)), vy).item() for name, move in moves.items()}
    low = [name for name in moves if name != "nowhere" and score[name] < .92]
    need(len(low) < 4, "moved by 4 pixels, fewer than .92 of the digits are right in every direction. Does your wiggle "
         "move the digits that far?")
    need(not low, f"moved by 4 pixels {' or '.join(low)}, fewer than .92 of the digits are right. Does your wiggle "
         "move them so far in that direction, now and then?")
    need(score["nowhere"] >= .95, "moved digits do well now, but of those that nobody moved fewer than .95 are right. "
         "The wiggle is too wild: it should leave some digits nearly as they are.")


@tried(
    hints=["Where are the parameters? Count them for [784, 3, 1]: nearly all are in the first layer, one for each "
           "pixel and unit.",
           "Neighbouring pixels show nearly the same. nn.AvgPool2d(4) makes one number, their mean, of each square of "
           "4 × 4 pixels, and has no parameters.",
           "It wants images: nn.Unflatten(1, (1, 28, 28)) makes them of rows, and nn.Flatten() makes rows again. How "
           "many numbers are left of 784?"],
    seconds=120,
    right="The linear model of notebook 4 had 785 parameters, and pixel similarity as many. How far down can you go? "
          "With 50 it can still be done.")
def small_model(answer):
    train_x, train_y, valid_x, valid_y = load_digits(dataset="bundled")
    (x, y), (vx, vy) = as_xy(train_x, train_y, 3), as_xy(valid_x, valid_y, 3)

    def made(seed):
        torch.manual_seed(seed)
        return answer()

    first, second = made(0), made(0)
    need(first is not None, "nothing comes back (None): end your code with return and the model.")
    need(not inspect.isclass(first), "a class comes back. Return an object of it: nn.Sequential(…), or Name() with its "
         "brackets.")
    need(isinstance(first, nn.Module), f"{a_kind(first)} comes back where a model is wanted, such as an nn.Sequential "
         f"of layers.")
    need(first is not second, "the same model comes back each time. Make a new one inside the function, or it goes on "
         "learning where the last training ended.")
    count = sum(p.numel() for p in first.parameters() if p.requires_grad)
    need(count > 0, "it has no parameters, so there is nothing to learn.")
    preds = first(vx)
    need(isinstance(preds, Tensor) and preds.shape == (len(vx), 1), f"for {len(vx)} digits (n, 784) your model returns "
         f"{a_kind(preds)}, and a column of shape ({len(vx)}, 1) is wanted, one score for each digit.")
    need(count <= 200, f"it has {count:,} parameters, and at most 200 are allowed. The linear model has 785, and a net "
         "with only three hidden units has three times as many: what do they all belong to?")
    untrained = torch.cat([made(seed)(vx) for seed in range(3)])
    need((untrained <= 0).any(), "its scores are all above 0, so it can only ever say 3. Is there a sigmoid behind the "
         "last layer?")
    need((untrained < 0).any() or not (untrained > 0).any(), "its scores are never below 0, so it can only ever say 3. "
         "Is there a ReLU behind the last layer?")
    epochs, scores = [wiggle(x) for _ in range(30)], []
    for seed in range(3):
        model = made(seed)
        opt = torch.optim.SGD(model.parameters(), lr=.3)
        schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, 30)
        for k, wiggled in enumerate(epochs):
            train_epoch(model, opt, Batches(wiggled, y, 32, shuffle=True, seed=k))
            schedule.step()
        with torch.no_grad():
            scores.append(accuracy(model(vx), vy).item())
    coins = sum(score < .6 for score in scores)
    need(coins < 3, "with all three seeds the trained model is no better than a coin. Do its parameters start at 0, or "
         "does something in it let no gradient through?")
    need(not coins, f"with {coins} of 3 seeds it is no better than a coin: with so few hidden units, one start in some "
         "has only dead ones. Take a few units more, or an activation that cannot die.")
    need(sum(scores) / 3 >= .96, f"with {count} parameters it is small enough, and on average fewer than .96 of the "
         "digits are right. It sees too little of the image: less averaging keeps finer strokes, and you may use up to "
         "200 parameters.")


@tried(
    hints=["Turn the labels into targets first: labels.unique() holds the two digits, and one of them gets the 1. The "
           "notebook's cells on Batches, new_net and train_epoch have all the rest.",
           "Define a function inside yours, after the training. It may use the model and the two digits, and it is "
           "what you return, without brackets behind its name.",
           "The inner function: flatten, predict under torch.no_grad(), take the column [:, 0], and torch.where(preds "
           "> 0, one, other) makes digits of the scores."],
    seconds=120,
    right="All seven steps, from an empty cell, for any two digits. That is what this course set out to do, and you "
          "have just done it. Try it on your hardest pair.")
def learn_two_digits(answer):
    def asked(says, images):
        got = says(images.clone())
        need(got is not None, "the function that you return gives nothing back (None): it needs a return of its own.")
        need(isinstance(got, Tensor), f"the function that you return gives {a_kind(got)}, and a tensor of labels is "
             f"wanted.")
        return got

    three_seven, nine_four = load_digits((3, 7), dataset="bundled"), load_digits((9, 4), dataset="bundled")
    says, kept = [], []
    for digits, (train_x, train_y, valid_x, valid_y) in [((3, 7), three_seven), ((9, 4), nine_four)]:
        a, b = digits
        of = f"of the {a}s and {b}s"
        images, labels = train_x.clone(), train_y.clone()
        learned = answer(images, labels)
        need(learned is not None, "nothing comes back (None): after the training, return a function.")
        need(callable(learned), f"{a_kind(learned)} comes back where a function is wanted. Define one inside yours, "
             "and return it without brackets behind its name.")
        if isinstance(learned, nn.Module):
            try:
                fits = learned(valid_x[:1]).shape == (1,)
            except Exception:
                fits = False
            need(fits, "the model itself comes back. It takes rows of pixels and gives scores: return a function that "
                 "takes images, asks the model, and gives labels.")
        need(torch.equal(images, train_x) and torch.equal(labels, train_y), "your code changes the images or labels "
             "that it is given. Work on a copy, made with .clone().")
        got = asked(learned, valid_x)
        n, found = len(valid_x), set(got.unique().tolist()[:500])
        need(not got.is_floating_point() or not got.isnan().any(), "the trained model says nan: the training diverged. "
             "Is the learning rate too large?")
        need(got.shape != (n, 1), f"the labels come out as a column of shape ({n}, 1), and ({n},) is wanted: take the "
             "column out with [:, 0].")
        need(got.shape == (n,), f"for {n} images your function gives {a_kind(got)}, and one label for each is wanted: "
             f"({n},).")
        need(got.dtype != torch.bool, "True and False come out where digits are wanted. torch.where makes digits of "
             "them.")
        need(not got.is_floating_point() or found <= {float(a), float(b), 0., 1.}, "scores come out where labels are "
             "wanted: a score above 0 means the digit that had the target 1.")
        need(not found <= {0, 1}, f"0 and 1 come out, the targets. Translate them back into the digits, here {a} and "
             f"{b}.")
        need(not (a == 9 and found <= {3, 7}), "trained on 9s and 4s, it still says 3 and 7. Which two digits there "
             "are should come from the labels: labels.unique() tells.")
        need(found <= {a, b}, f"trained on {a}s and {b}s, it says {max(found - {a, b}, default=0):g} to some of them.")
        need(not got.is_floating_point(), "the labels come out as floats, and whole numbers are wanted, as in the "
             "labels that you were given.")
        right = (got == valid_y).float().mean().item()
        most = got.mode().values.item()
        need((got == most).float().mean() < .9, f"it says {most} to all {of}, or nearly all. Either it was not "
             f"trained, or on one "
             "digit after the other: our digits come sorted, so shuffle them. Or the training diverged: nan > 0 is "
             "False.")
        need(right > .2, f"nearly all answers {of} are wrong, so it did learn, and the two digits have changed places. "
             "Which of them got the target 1?")
        need(right > .65, f"{of}, about as many are right as with a coin. Is the model trained, do images and targets "
             "belong together, and does each step go against the gradient?")
        need(a == 3 or right > .82, "for 3 and 7 it is good, but 9 and 4 are harder, and there it does what comparing "
             "with the mean digits would do. Train a model: it can do far better.")
        need(right >= (.96 if a == 3 else .9), f"{of}, fewer than {'.96' if a == 3 else '.90'} are right. It has "
             f"learned something, "
             "and could learn more. Are the digits shuffled, the gradients zeroed, and are there epochs enough?")
        for some in (valid_x[:1], valid_x[:0]):
            few = asked(learned, some)
            need(few.shape == (len(some),), f"given {('no image', 'a single image')[len(some)]}, of shape "
                 f"{tuple(some.shape)}, your function gives {a_kind(few)}, and {tuple(some[:, 0, 0].shape)} is wanted. "
                 f"Does a squeeze() take away an "
                 "axis too many?")
        says.append(learned)
        kept.append(got)
    need(torch.equal(asked(says[0], three_seven.valid_x), kept[0]), "after learning 9 and 4, the function for 3 and 7 "
         "answers otherwise than before: the two share a model. Make the model inside your function.")


# ---------------------------------------------------------------- notebook 07
