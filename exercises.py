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
import warnings
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import museum
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
            def agrees(mistake, k):
                return same(results[k][1], outcome(probe, mistake, copied(results[k][0]), foreseen=True))

            meant = [sentence for sentence, mistake in mistakes.items() if agrees(mistake, failing[0])]
            if len(meant) > 1:                                       # the one that agrees most often
                meant.sort(key=lambda sentence: -sum(agrees(mistakes[sentence], k) for k in range(len(results))))
            if meant:
                raise NotYet(meant[0])
            case, got, wanted = results[failing[0]]
            if isinstance(got, Exception):
                raise got
            but = "it is right for other inputs, but with" if failing[0] else "with"
            raise NotYet(f"{but} {described(case)}: {difference(got, wanted)}")

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
    if type(error) is NotImplementedError and not error.args:    # with a text it is PyTorch's or Jupyter's
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
    with (torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed),
          warnings.catch_warnings()):
        warnings.simplefilter("ignore")
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


def outcome(probe: Callable, answer: Callable, case: tuple, foreseen: bool = False) -> Any:
    """The result of an answer for one case, or the exception that it raised; of a foreseen mistake, any exception."""
    before = copied(case)
    try:
        result = probe(answer, *case)
    except Exception as error:
        if isinstance(error, NotYet) and not foreseen:
            raise
        return error
    if not foreseen and not same(list(case), list(before)):
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
        return gist(code) == gist(given.__code__)
    return all(i.opname in ("RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST") and
               (i.opname in ("RESUME", "NOP", "RETURN_VALUE") or i.argval in (None, ...)) for i in dis.get_instructions(code))


def gist(code) -> list:
    """What a function names, uses and compares, in order; the rest of its bytecode depends on where it was compiled."""
    kinds = ("LOAD", "STORE", "COMPARE", "BINARY", "UNARY", "IS_", "CONTAINS")
    return [gist(i.argval) if inspect.iscode(i.argval) else (i.opname if i.argval is None else "", i.argval)
            for i in dis.get_instructions(code) if i.opname.startswith(kinds)]


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
    (r"does not require grad", "there is no way back from the loss to the parameters: were they made with requires_grad, and is "
                               "the loss calculated from them, outside of torch.no_grad() and without detach or item?"),
    (r"grad can be implicitly created only for scalar", "only one number can be sent back: take the mean of the losses first."),
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
    return textwrap.fill(" ".join(text.split()), 88, break_on_hyphens=False, break_long_words=False)


# ---------------------------------------------------------------- inputs

def pile(n: int = 3, rows: int = 28, columns: int = 28, seed: int = 0) -> Tensor:
    """Images that are easy to tell apart: float32 (n, rows, columns) in 0…1, nearly half of the pixels black."""
    values = torch.rand(n, rows, columns, generator=torch.Generator().manual_seed(seed))
    return ((values - .4).clamp(min=0) / .6 * 100).round() / 100


# ---------------------------------------------------------------- notebook 01


def byte_pile(n: int = 3, rows: int = 28, columns: int = 28) -> Tensor:
    """The images of pile as bytes: uint8 (n, rows, columns), even and odd ones, up to 255."""
    return (pile(n, rows, columns) * 255).round().to(torch.uint8)


@compared(
    cases=lambda: [(pile(3),), (pile(1),), (pile(4, 5, 7),), (pile(0),)],
    hints=["A comparison gives True or False for each pixel, and the mean of those is a share. Notebook 1 does it for "
           "one digit.",
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
        "dark grey pixels are left out. All pixels above 0 count, not only the bright ones.":
            lambda images: (images > .5).float().mean((1, 2)),
        "only pure white pixels are counted. All pixels above 0 count.":
            lambda images: (images == 1).float().mean((1, 2)),
        "784 is 28 times 28, and not all images have this size. The mean asks by itself how many pixels there are.":
            lambda images: (images > 0).float().sum((1, 2)) / 784,
        "only one of the two axes is gone, so each row or column still has a number of its own.":
            lambda images: (images > 0).float().mean(1),
    },
    right="The mean of a comparison is a share; in the next notebook it becomes the accuracy.")
def ink(images):
    return (images > 0).float().flatten(1).sum(1) / images[0:1].numel() if len(images) else torch.zeros(0)


@compared(
    cases=lambda: [(byte_pile(), 100), (byte_pile(2, 5, 7), -100), (byte_pile(), 0), (byte_pile()[0], 255),
                   (byte_pile(0), 9)],
    hints=["Convert to a type that can hold 300 and -100 before you add. Notebook 1 says which.",
           "Then bring everything above 255 down to 255, and everything below 0 up to 0. .clamp(lowest, highest) does "
           "both; a mask on the left of = can do it too, on your own copy.",
           "Three moves, in this order: convert and add, limit, back to bytes with .to(torch.uint8)."],
    mistakes={
        "some bytes passed 255 or 0 and started again at the other end. Add in floats or whole numbers (.float(), "
        ".int()), and keep them between 0 and 255 before you go back to bytes: afterwards it is too late.":
            lambda images, by: images + torch.tensor(by).to(torch.uint8),
        "1 is white where pixels are floats from 0 to 1. These are bytes, and their white is 255.":
            lambda images, by: (images.int() + by).clamp(0, 1).to(torch.uint8),
        "the bright end is right, the dark end is not: when by is negative, bytes can pass 0 as well.":
            lambda images, by: (images.int() + by).clamp(max=255).to(torch.uint8),
        "black pixels stay black here. Every pixel gets the same amount more, black ones too.":
            lambda images, by: ((images.int() + by).clamp(0, 255) * (images > 0)).to(torch.uint8),
        "by is added to every byte; you multiply, so that bright pixels get more than dark ones.":
            lambda images, by: (images * (1 + by / 255)).clamp(0, 255).to(torch.uint8),
        "the limits are there, but nothing is added.": lambda images, by: images.clamp(0, 255),
    },
    right="What passed the limits is lost: darker by the same amount does not bring the picture back.")
def brighten(images, by):
    table = [min(max(byte + by, 0), 255) for byte in range(256)]
    return torch.tensor(table, dtype=torch.uint8)[images.long()]


def paint_edges(images: Tensor, *places: tuple) -> Tensor:
    """A copy of images that is grey at some places, given as indices."""
    images = images.clone()
    for place in places:
        images[place] = .5
    return images


@compared(
    cases=lambda: [(pile(3),), (pile(1)[0],), (pile(2, 5, 7),), (pile(6).view(2, 3, 28, 28),), (pile(2, 1, 1),),
                   (pile(0),)],
    hints=["A slice on the left of = paints, on a copy made with .clone(). Four edges: four slices.",
           "images[..., 0] is the leftmost column. Which index is the last column, whatever the size?",
           "A row is the last axis but one: [..., 0, :] is the top row. The colon stands for all of its columns."],
    mistakes={
        "whole images are grey, the first and the last: in a pile, images[0] is an image. Begin with ... so that the "
        "places belong to rows and columns.": lambda images: paint_edges(images, 0, -1, (..., 0), (..., -1)),
        "in a pile, a whole image is grey: images[0] is the top row of one image, and the first image of a pile. "
        "Write [..., 0, :].": lambda images: paint_edges(images, 0, (..., 0), (..., -1), (..., -1, slice(None))),
        "it works for a pile, but one image alone has no axis for images. Count from the end: ... stands for all axes "
        "in front.":
            lambda images: paint_edges(images, *[(slice(None), 0), (slice(None), -1), (slice(None), slice(None), 0),
                                                 (slice(None), slice(None), -1)]),
        "the columns at the left and right are grey, the rows at the top and bottom are not.":
            lambda images: paint_edges(images, (..., 0), (..., -1)),
        "the rows at the top and bottom are grey, the columns at the left and right are not.":
            lambda images: paint_edges(images, (..., 0, slice(None)), (..., -1, slice(None))),
        "only the top and the left are grey. Negative numbers count from the end.":
            lambda images: paint_edges(images, (..., 0), (..., 0, slice(None))),
        "one side stops short: -2 is the last place but one. The last place is -1.":
            lambda images: paint_edges(images, (..., 0), (..., -2), (..., 0, slice(None)), (..., -2, slice(None))),
        "27 is the last place of 28 only. These images have another size: -1 is the last place of any.":
            lambda images: paint_edges(images, (..., 0), (..., 27), (..., 0, slice(None)), (..., 27, slice(None))),
        "the frame is more than one pixel wide: 0:2 and -2: are two rows or columns.":
            lambda images: paint_edges(images, (..., slice(0, 2)), (..., slice(-2, None)),
                                       (..., slice(0, 2), slice(None)), (..., slice(-2, None), slice(None))),
        "the frame lies around the image, which grew by it. It should cover the outermost pixels.":
            lambda images: F.pad(images, (1, 1, 1, 1), value=.5),
        "the frame is white. Grey is .5 here.": lambda images: torch.where(framed(images * 0) > 0, 1., images),
        "every pixel is grey: the frame is only the first and last row, and the first and last column.":
            lambda images: torch.full_like(images, .5),
    },
    right="With ... in front, the same four lines frame one image, a pile, or a pile of piles.")
def framed(images):
    rows, columns = images.shape[-2:]
    row, column = torch.arange(rows)[:, None], torch.arange(columns)
    inside = (row > 0) & (row < rows - 1) & (column > 0) & (column < columns - 1)
    return torch.where(inside, images, .5)


def people(rows: int = 28, columns: int = 28) -> tuple[Tensor, Tensor]:
    """Eight images and their labels; most light, most ink and the whitest pixel are in different ones of each label."""
    images = pile(8, rows, columns) * torch.tensor([.3, .9, .5, .8, .35, .4, 1, .2])[:, None, None]
    images[0] += .01
    images[7, rows // 2, columns // 2] = 1
    return images, torch.tensor([3, 7, 3, 7, 3, 8, 1, 3])


@compared(
    cases=lambda: [(*people(), 3), (*people(), 7), (*people(), 8), (*people(5, 7), 3)],
    hints=["Two steps of notebook 1: a mask keeps the images of one digit, and argmax finds a place.",
           "Give the images that the mask keeps a name. Their light, and the place of the most, belong to them, not to "
           "the whole pile."],
    mistakes={
        "the place belongs to a smaller pile: you looked for it among the kept images, and then took the image at that "
        "place from all of them.": lambda images, labels, label: images[images[labels == label].sum((1, 2)).argmax()],
        "the place belongs to the whole pile: you looked for it among all images, and then took the image at that "
        "place from the kept ones.":
            lambda images, labels, label: images[labels == label][(images.sum((1, 2)) * (labels == label)).argmax()],
        "this is the boldest image of all, whatever its label. Keep only those with the label first.":
            lambda images, labels, label: images[images.sum((1, 2)).argmax()],
        "this is the one with the least light.": lambda images, labels, label: images[labels == label][
            images[labels == label].sum((1, 2)).argmin()],
        "this is the place of the image. The image itself is wanted: put the place in square brackets behind the pile.":
            lambda images, labels, label: images[labels == label].sum((1, 2)).argmax(),
        "this is how much light the boldest has. The image itself is wanted: argmax tells its place.":
            lambda images, labels, label: images[labels == label].sum((1, 2)).max(),
        "you took the image with the brightest single pixel. All its pixels together should count: their sum.":
            lambda images, labels, label: images[labels == label][images[labels == label].flatten(1).amax(1).argmax()],
        "you took the image with the most pixels that are not black. Light counts here: a grey pixel less than a white "
        "one.":
            lambda images, labels, label: images[labels == label][(images[labels == label] > 0).sum((1, 2)).argmax()],
        "a place is asked for that does not exist (IndexError). Does argmax look at one number for each image, the "
        "light? And are these the lights of the same pile from which you then take the image?":
            lambda images, labels, label: images[labels == label][images[labels == label].argmax()],
        "all images with this label come back: the boldest one of them is wanted.":
            lambda images, labels, label: images[labels == label],
        "this is simply the first image with this label.": lambda images, labels, label: images[labels == label][0],
        "one axis too many is left: give argmax's place itself, without a list or a colon around it.":
            lambda images, labels, label: images[labels == label][
                [images[labels == label].sum((1, 2)).argmax().item()]],
    },
    right="A place is worth nothing without its pile: after a mask, the counting starts anew.")
def boldest(images, labels, label):
    light = images.sum((1, 2)).masked_fill(labels != label, -1)
    return images[light.argmax()]


@compared(
    cases=lambda: [(pile(3),), (pile(4, 2, 3),), (pile(1, 5, 7),), (pile(5, 5, 5),), (torch.arange(12).view(3, 2, 2),)],
    hints=["torch.cat puts tensors one behind the other along axis 0. It takes the number of another axis as its "
           "second input.",
           "torch.cat wants a list of images, and a for loop, or list(...), takes a pile apart into its images. Which "
           "axis of one image runs to the right?"],
    mistakes={
        "the shape is right and the picture is scrambled: view and reshape never move a number, they only cut the long "
        "row of numbers at other places. The first row of the sheet must hold the first row of each image.":
            lambda images: images.reshape(images.shape[1], -1),
        "the images lie below one another, not side by side: they were joined along the rows.":
            lambda images: images.flatten(0, 1),
        "the order is reversed: the first image belongs to the left.":
            lambda images: torch.cat(list(images.flip(0)), 1),
        "the images are put beside one another column by column, and so mixed: the whole of the first image comes "
        "first.":
            lambda images: images.permute(1, 2, 0).flatten(1),
        "the sheet lies on its side: rows and columns have changed places.":
            lambda images: torch.cat(list(images), 1).T,
        "each image is one long row here, below one another: that is flatten(1).": lambda images: images.flatten(1),
        "it works for some sizes, and ends with an error for others. Is a length written into your code, 28 or 3? Ask "
        "images.shape for it.": lambda images: contact_sheet(images) if images.shape[1] == 28 else images.view(28, 28),
        "this is still the pile: three axes, (images, rows, columns). The sheet has two.": lambda images: images,
    },
    right="The same numbers and the same shape can be different pictures: order counts.")
def contact_sheet(images):
    return images.permute(1, 0, 2).flatten(1)


@compared(
    cases=lambda: [(byte_pile(),), (byte_pile()[0],), (byte_pile(2, 5, 7),), (byte_pile(0),)],
    hints=["Python's % gives what is left over by a division: 201 % 2 is 1, and 200 % 2 is 0. It works elementwise.",
           "The bytes are whole numbers: keep them so until you know who is odd, and make floats at the end."],
    mistakes={
        "it is inside out: odd bytes are white (1.), even ones black (0.).": lambda images: (images % 2 == 0).float(),
        "this finds bright pixels, and so the digit that everybody sees. The other one is not in how bright a byte is, "
        "but in whether it is odd.": lambda images: (images > 127).float(),
        "this finds all pixels that are not black. Ask for the odd ones.": lambda images: (images > 0).float(),
        "this finds only those bytes that are exactly 1. All odd ones count: 1, 3, 5 and so on.":
            lambda images: (images == 1).float(),
        "you divided by 255 first, and shares between 0 and 1 are neither odd nor even. Ask the bytes themselves.":
            lambda images: images / 255 % 2,
        "this is the opposite: the picture without what was hidden in it. What is left over is wanted.":
            lambda images: (images - images % 2).float(),
        "this is half of each byte. What is left over when it is halved is wanted: % and not //.":
            lambda images: (images // 2).float(),
        "odd bytes come out as 255. As floats, white is 1.": lambda images: (images % 2).float() * 255,
    },
    right="Now look: show_images(reveal(postcard)). It is the year of the article that made these digits known.")
def reveal(images):
    return torch.tensor([0., 1.]).repeat(128)[images.long()]


# ---------------------------------------------------------------- notebook 02


def answers_and_truth() -> list[tuple[Tensor, Tensor]]:
    """Pairs of what was said and what is so, (n,): mixed, all said, none said, none there, one, no digit."""
    said = torch.tensor([True, False, True, True, False, False, True, False, False, True])
    so = torch.tensor([True, True, True, False, False, True, True, True, True, False])
    return [(said, so), (torch.ones_like(said), so), (torch.zeros_like(said), so), (said, torch.zeros_like(so)),
            (said[:1], so[:1]), (said[:0], so[:0])]


@compared(
    cases=answers_and_truth,
    hints=["A mask in square brackets keeps the places where it is True. Which of the two belongs inside, which in "
           "front?",
           "Keep the truth of those digits that were called a 3; its mean is the share. And of nothing at all?"],
    mistakes={
        "you ask how many of the 3s were found. Here it is the other way round: of those *called* a 3, how many are "
        "3s? Swap the two masks.".replace("*", ""): lambda says_3, is_3: says_3[is_3].float().mean().nan_to_num(0),
        "this is the accuracy: it counts the right answers among all digits. Only those that were called a 3 count "
        "here.":
            lambda says_3, is_3: (says_3 == is_3).float().mean().nan_to_num(0),
        "you divide by the number of all digits. Divide by how many were called a 3.":
            lambda says_3, is_3: (says_3 & is_3).float().mean().nan_to_num(0),
        "this is how many were rightly called a 3, a count. The share among all that were called a 3 is wanted.":
            lambda says_3, is_3: (says_3 & is_3).sum(),
        "this is the share of wrong ones among those called a 3. One minus that is wanted.":
            lambda says_3, is_3: (~is_3)[says_3].float().mean().nan_to_num(0),
        "this is the share of digits called a 3. Whether they are 3s has not been asked.":
            lambda says_3, is_3: says_3.float().mean().nan_to_num(0),
        "it is right as long as something was called a 3. When nothing was, 0 is divided by 0 and gives nan: test for "
        "that first, and return 0.": lambda says_3, is_3: is_3[says_3].float().mean(),
        "it is right as long as something was called a 3. When nothing was, it divides by 0 and ends with an error: "
        "test for that first, and return 0.": lambda says_3, is_3: (says_3 & is_3).sum().item() / says_3.sum().item(),
        "you return 1 when nothing was called a 3. The task asks for 0 then.":
            lambda says_3, is_3: is_3[says_3].float().mean().nan_to_num(1),
    },
    right="It has a twin, called recall: of the 3s, what share was found? You get it by swapping the two masks.")
def precision(says_3, is_3):
    return (says_3 & is_3).sum() / max(says_3.sum().item(), 1)


@compared(
    cases=lambda: [(pile(3), pile(3, seed=1)), (pile(5), pile(2, seed=1)), (pile(4, 5, 7), pile(5, 5, 7, seed=1)),
                   (pile(1), pile(4, seed=1)), (pile(7, 7, 7), pile(2, 7, 7, seed=1)), (pile(0), pile(2, seed=1))],
    hints=["We want shape (n, 1, rows, columns) beside (k, rows, columns). What does broadcasting make of the two?",
           "[:, None] puts an axis of length 1 behind axis 0. Then the function l1 of this notebook does the rest.",
           "Write the two shapes below each other, flush right: 1 stands over k, n over nothing. Both are stretched."],
    mistakes={
        "each image was compared with one template only, the one at its own place. Each image has to meet every "
        "template: give the images an axis more, [:, None].":
            lambda images, templates: (images - templates).abs().mean((-1, -2)),
        "rows and columns of the table have changed places: images run down, templates across.":
            lambda images, templates: (templates[:, None] - images).abs().mean((-1, -2)),
        "these are sums: the mean over the pixels is wanted.":
            lambda images, templates: (images[:, None] - templates).abs().sum((-1, -2)),
        "positive and negative differences cancel: take the absolute values before the mean.":
            lambda images, templates: (images[:, None] - templates).mean((-1, -2)),
        "the absolute value comes too late: after the mean, the differences have cancelled already.":
            lambda images, templates: (images[:, None] - templates).mean((-1, -2)).abs(),
        "these are L2 distances: L1 is the mean of the absolute differences.":
            lambda images, templates: (images[:, None] - templates).square().mean((-1, -2)).sqrt(),
        "these are mean squares: L1 is the mean of the absolute differences.":
            lambda images, templates: (images[:, None] - templates).square().mean((-1, -2)),
        "one number came out for everything. Only rows and columns should disappear, the last two axes.":
            lambda images, templates: (images[:, None] - templates).abs().mean(),
        "only the columns are gone, so every row of every image still has a distance of its own. Rows should disappear "
        "too.":
            lambda images, templates: (images[:, None] - templates).abs().mean(-1),
        "you averaged over the images: they should stay. Rows and columns are the last two axes, -1 and -2.":
            lambda images, templates: (images[:, None] - templates).abs().mean((0, 1)),
        "this is only the distance to the nearest template. The table has a column for each.":
            lambda images, templates: (images[:, None] - templates).abs().mean((-1, -2)).amin(1),
    },
    right="Ten templates would be no more work than two: .argmin(1) of this table names the nearest one for each "
          "image.")
def l1_table(images, templates):
    table = torch.zeros(len(images), len(templates))
    for k, template in enumerate(templates):
        table[:, k] = (images - template).abs().mean((1, 2))
    return table


def yes_and_no(n: int) -> Tensor:
    """True and False (n,), in no regular order."""
    return torch.tensor([1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1])[torch.arange(n) % 13] == 1


@compared(
    cases=lambda: [(pile(6, 6, 6), yes_and_no(6)), (pile(9), yes_and_no(9)), (pile(5, 7, 5), yes_and_no(5)),
                   (pile(1), yes_and_no(1)), (torch.tensor([[[.5, 1.], [0., .7]]]).repeat(3, 1, 1), yes_and_no(3))],
    hints=["images > .5 is what 784 programs say about every image. Which axis should disappear when you take the "
           "mean?",
           "The truth has shape (n,), the answers (n, rows, columns). Flush right, n would stand under columns. "
           "Question 3 of this notebook knows what to do.",
           "is_3[:, None, None] has shape (n, 1, 1), and == stretches it over all pixels."],
    mistakes={
        "the truth was matched with the columns: flush right, n stands under columns. When the two happen to be equal, "
        "there is not even an error. Make the shape of is_3 (n, 1, 1).":
            lambda images, is_3: ((images > .5) == is_3).float().mean(0),
        "the truth was matched with the rows: is_3[:, None] is a column, of shape (n, 1), and n stands under rows. It "
        "needs two axes behind its own.": lambda images, is_3: ((images > .5) == is_3[:, None]).float().mean(0),
        "this is how often each pixel is lit. Whether that was right has not been asked: compare with is_3 first.":
            lambda images, is_3: (images > .5).float().mean(0),
        "you averaged over the pixels of each image: one number for each pixel is wanted, and the images disappear.":
            lambda images, is_3: ((images > .5) == is_3[:, None, None]).float().mean((1, 2)),
        "one number came out for everything: only axis 0, the images, should disappear.":
            lambda images, is_3: ((images > .5) == is_3[:, None, None]).float().mean(),
        "you count how many answers are right. Their share is wanted: the mean.":
            lambda images, is_3: ((images > .5) == is_3[:, None, None]).sum(0),
        "this is the share of wrong answers.":
            lambda images, is_3: ((images > .5) != is_3[:, None, None]).float().mean(0),
        "only the 3s are counted here. To leave a pixel dark for a 7 is a right answer as well: compare with ==, not "
        "with &.":
            lambda images, is_3: ((images > .5) & is_3[:, None, None]).float().mean(0),
        "you looked at the 3s alone. The 7s count too: a program that says 3 to everything should not look perfect.":
            lambda images, is_3: (images[is_3] > .5).float().mean(0),
        "this is the mean of two shares, one for the 3s and one for the 7s. Each digit should weigh the same, so take "
        "all of them together.":
            lambda images, is_3: ((images[is_3] > .5).float().mean(0) + (images[~is_3] <= .5).float().mean(0)) / 2,
        "a pixel of exactly .5 says 3 here. It should say 3 only above .5.":
            lambda images, is_3: ((images >= .5) == is_3[:, None, None]).float().mean(0),
        "every pixel above 0 says 3 here. It should say 3 only above .5.":
            lambda images, is_3: ((images > 0) == is_3[:, None, None]).float().mean(0),
    },
    right="784 programs judged in one line. An accuracy far below .5 is as good as one far above: turn the "
          "answer round.")
def pixel_accuracy(images, is_3):
    return torch.stack([(image > .5) == yes for image, yes in zip(images, is_3)]).float().mean(0)


def neighbours() -> list[tuple[Tensor, Tensor, Tensor]]:
    """New images, known images, labels: random, real digits, where L1 and L2 differ, ties, one known, none new."""
    train_x, train_y, valid_x, _ = load_digits((3, 7), dataset="bundled")
    blank, faint, bright = torch.zeros(28, 28), torch.full((28, 28), .1), torch.zeros(28, 28)
    bright[:8, :8] = 1
    same_twice = torch.stack([bright, faint, faint, bright])
    return [(pile(6, seed=1), pile(4), torch.tensor([7, 3, 8, 3])), (valid_x[::50], train_x[::5], train_y[::5]),
            (blank[None], torch.stack([faint, bright]), torch.tensor([3, 7])),
            (torch.stack([faint, bright]), same_twice, torch.tensor([4, 3, 7, 9])),
            (pile(3, 5, 7, seed=1), pile(5, 5, 7), torch.tensor([0, 1, 2, 1, 0])),
            (pile(2), pile(1, seed=1), torch.tensor([5])), (pile(0), pile(2), torch.tensor([3, 7]))]


def each_nearest(place: Callable, images: Tensor, known_images: Tensor, known_labels: Tensor) -> Tensor:
    """For each image, the label at the place that `place` finds in the L2 distances to the known images."""
    return known_labels[[int(place((known_images - image).square().mean((1, 2)))) for image in images]]


def of_means(images: Tensor, known_images: Tensor, known_labels: Tensor) -> Tensor:
    """The label whose mean image is nearest."""
    labels = known_labels.unique()
    means = torch.stack([known_images[known_labels == label].mean(0) for label in labels])
    return each_nearest(torch.argmin, images, means, labels)


@compared(
    cases=neighbours,
    hints=["Begin with one new image: l2(known_images, image) gives its distance to every known one.",
           "argmin tells the place of the smallest distance, and the label lies at the same place of known_labels.",
           "A loop over the new images is fine here. Collect the places, and index known_labels with them."],
    mistakes={
        "these are places, not labels: known_labels has the label at each place.":
            lambda images, known_images, known_labels: each_nearest(torch.argmin, images, known_images,
                                                                    torch.arange(len(known_labels))),
        "this is the label of the farthest known image, not of the nearest.":
            lambda images, known_images, known_labels: each_nearest(torch.argmax, images, known_images, known_labels),
        "these are the answers of the templates: you compare with the mean image of each label. Compare with every "
        "known image, each for itself.": of_means,
        "you measured in L1. The nearest in L2 is wanted.":
            lambda images, known_images, known_labels: known_labels[
                [(known_images - image).abs().mean((1, 2)).argmin().item() for image in images]],
        "one and the same answer came out for all images, as one number: argmin() without an axis looks through all "
        "distances at once. Let it look along the known images only.":
            lambda images, known_images, known_labels: known_labels[
                (images[:, None] - known_images).square().mean((-1, -2)).argmin() % len(known_labels)],
        "you went the other way: for each known image, the nearest of the new ones. There should be one label for each "
        "new image.":
            lambda images, known_images, known_labels: known_labels[
                [(images - known).square().mean((1, 2)).argmin().item() for known in known_images]],
        "of known images that are equally near, the first should count. Yours is the last: is there <= where < would "
        "do?":
            lambda images, known_images, known_labels: each_nearest(
                lambda distances: (distances == distances.min()).nonzero()[-1], images, known_images, known_labels),
        "this is simply the first known label for each image. Which known image is the nearest?":
            lambda images, known_images, known_labels: known_labels[:1].expand(len(images)),
    }, seconds=60,
    right="No mean, no template, nothing trained: such a program is called nearest neighbour. Is it better than .974? "
          "The next cell tells.")
def nearest_label(images, known_images, known_labels):
    return each_nearest(torch.argmin, images, known_images, known_labels)


@tried(
    hints=["What goes wrong with L2? Look at its mistakes again: slanted digits, and digits that lie a little beside "
           "the template.",
           "Two ideas that work: let a digit move a little before you judge it, or make both pictures less sharp, so "
           "that being off by one pixel matters less. a.roll(1, dims=-1) moves every image of a by one column.",
           "Measure the L2 distance with the digit as it is and moved by one pixel to each side, and keep the "
           "smallest: torch.stack makes a pile of the results, and .amin(0) keeps the smallest along axis 0."],
    seconds=60,
    right="But is it better than L2, or lucky? Count where exactly one of them is right, and toss coins: a few digits "
          "in five hundred prove nothing. And you chose it by looking at these very digits, so its score is a little "
          "too kind.")
def my_distance(answer):
    train_x, train_y, valid_x, valid_y = load_digits((3, 7), dataset="bundled")
    mean3, mean7, is_3 = train_x[train_y == 3].mean(0), train_x[train_y == 7].mean(0), valid_y == 3

    def distances(images, template):
        a, b = images.clone(), template.clone()
        got = answer(a, b)
        need(got is not None, "nothing comes back (None): end your code with return and the distances.")
        need(isinstance(got, Tensor),
             f"{a_kind(got)} comes back where a tensor with a distance for each image is wanted.")
        need(got.shape == (len(images),),
             f"for images of shape {tuple(images.shape)} and one template your result has shape {tuple(got.shape)}, "
             f"and {(len(images),)} is wanted: rows and columns disappear, the images stay.")
        need(got.dtype != torch.bool,
             "True and False come back. A distance is a number; which of two is smaller is asked later.")
        need(not got.isnan().any(),
             "nan comes out, which is not a number: 0 was divided by 0, or it is the root of a negative number.")
        need(torch.equal(a, images) and torch.equal(b, template),
             "your code changes the images that it is given. Work on a copy, made with .clone().")
        return got.detach().double()

    to_3, to_7 = distances(valid_x, mean3), distances(valid_x, mean7)
    need(not torch.equal(to_3, to_7), "every digit is equally far from both templates. Does your function look at b?")
    need(to_3.unique().numel() > 1,
         "all digits have the same distance. Does your function look at a, each image for itself?")
    alone = torch.cat([distances(valid_x[k:k + 1], mean3) for k in (0, 100, 300, 499)])
    need(torch.allclose(alone, to_3[[0, 100, 300, 499]], rtol=1e-3, atol=1e-6),
         "the distance of a digit changes with the digits beside it in the pile. Does a mean, a smallest or a largest "
         "run over the images too?")
    says_3 = to_3 < to_7
    right = int((says_3 == is_3).sum())
    for name, power in [("L1", 1), ("L2", 2)]:
        by = (valid_x - mean3).abs().pow(power).mean((1, 2)) < (valid_x - mean7).abs().pow(power).mean((1, 2))
        need(not torch.equal(says_3, by),
             f"it gives the same answer as {name} for each of the 500 digits, so {right} are right. "
             "A root, a factor or a sum in place of a mean does not change which template is nearer. What would?")
    need(right > 100,
         f"it gets {right} of 500 right, far fewer than a coin. Is it large for pictures that are alike? A distance "
         "is small then: one minus it, or minus it, turns it round.")
    need(len(says_3.unique()) > 1,
         f"it gives the same answer for each digit, so {right} of 500 are right: one template is nearer "
         "whatever the digit. Are both made comparable, and is each used in the same way?")
    need(right >= 489,
         f"it gets {right} of 500 right. L2 gets 487, and 489 are wanted. Look at digits that it gets wrong: what "
         "should not count, and does? Most ideas do not help, so try another; or less of this one.")


# ---------------------------------------------------------------- notebook 03


def two(losses):
    before, after = losses[-2:]
    return before, after


@compared(
    cases=lambda: [([9., 4., 3.9, 3.899], .01), ([9., 4., 3.9], .01), ([9., 4., 3.9, 3.905], .01), ([5., 5.], .01),
                   ([.04, .001], .01), ([9., 9.5, 12.], .01), ([90., 50., 49.9], .01),
                   ([3., 2.5], 1), ([4.], .01), ([], .01)],
    hints=["The last loss is losses[-1] and the one before it losses[-2]. By how much did the last step improve?",
           "An improvement is the loss before minus the loss after. It must be small, and it must not be negative.",
           "With one loss or none there are no two to compare. `and` looks at its right side only when the left one "
           "holds."],
    mistakes={
        "a loss that grows counts as arrived: its improvement is negative, and so it is small as well. It is a "
        "reason to look at the learning rate, not to stop content.":
            lambda losses, least: len(losses) > 1 and losses[-2] - losses[-1] < least,
        "a loss that grows a little counts as arrived, because abs hides the sign of the change.":
            lambda losses, least: len(losses) > 1 and abs(losses[-2] - losses[-1]) < least,
        "you ask whether the loss is small. A loss that still falls quickly may be small already, and the loss of "
        "our ball never comes below .06 however long we wait. Ask by how much it has just changed.":
            lambda losses, least: len(losses) > 0 and losses[-1] < least,
        "the difference is taken the wrong way round: an improvement is the loss before minus the loss after.":
            lambda losses, least: len(losses) > 1 and 0 <= losses[-1] - losses[-2] < least,
        "the difference is taken the wrong way round: after minus before is negative whenever the loss falls.":
            lambda losses, least: len(losses) > 1 and losses[-1] - losses[-2] < least,
        "you compare with the first loss. All steps together may have helped a lot; only the last one says whether "
        "it pays to go on.": lambda losses, least: len(losses) > 1 and 0 <= losses[0] - losses[-1] < least,
        "a loss that stays exactly the same has stopped improving too: an improvement of 0 is less than `least`.":
            lambda losses, least: len(losses) > 1 and 0 < losses[-2] - losses[-1] < least,
        "True and False have changed places: the answer is True when it is time to stop.":
            lambda losses, least: not (len(losses) > 1 and 0 <= losses[-2] - losses[-1] < least),
        "the improvement is divided by the loss, which makes a share of it. Here `least` is meant in units of the "
        "loss itself.":
            lambda losses, least: len(losses) > 1 and 0 <= (losses[-2] - losses[-1]) / losses[-2] < least,
        "one loss alone, or none, cannot say that the last step helped little: there was no step.":
            lambda losses, least: len(losses) < 2 or 0 <= losses[-2] - losses[-1] < least,
        "it ends with an error when there is only one loss, or none: losses[-2] is not there. Ask how many losses "
        "there are before you take the last two.": lambda losses, least: 0 <= losses[-2] - losses[-1] < least,
        "it ends with an error (ValueError) when there is only one loss, or none. If you unpack the last two, there "
        "must be two: ask how many losses there are.":
            lambda losses, least: (lambda a, b: 0 <= a - b < least)(*two(losses)),
    },
    right="It stops too soon where a loss rests for a while and then falls on; notebook 5 shows a more patient rule.")
def converged(losses, least):
    last_two = losses[-2:]
    return len(last_two) == 2 and last_two[1] <= last_two[0] < last_two[1] + least


def wave(p):
    """A loss whose slope differs from number to number and is not the same on both sides."""
    return ((torch.arange(p.numel(), dtype=p.dtype).view(p.shape) + 1) * p ** 3).sum() + p.prod()


def far_bowl(p):
    return (p - 3).square().sum()


def in_any_shape(answer, loss_of, params, size):
    """What nudged_slopes returns; an error that comes from counting on two axes is put in words."""
    try:
        return answer(loss_of, params, size)
    except ValueError as error:
        need("unpack" not in str(error) or params.ndim == 2, "it counts on rows and columns, and params may have any "
                                                             "number of axes: here its shape is "
                                                             f"{tuple(params.shape)}. Is there a way to go through "
                                                             "all numbers in one row?")
        raise


@compared(
    cases=lambda: [(wave, torch.tensor([.5, -1., 2.]).double(), .5), (far_bowl, torch.tensor([4., 1.5]).double(), .01),
                   (wave, torch.tensor([[1., 2., -1.], [.5, -.5, 1.5]]).double(), .1),
                   (far_bowl, torch.tensor([[1.], [5.]]).double(), .1),
                   (wave, torch.tensor(1.5).double(), .1), (wave, torch.tensor([[[2.]]]).double(), .1),
                   (far_bowl, torch.zeros(2, 0).double(), .1)],
    hints=["nudge_gradient does it for vectors. In a matrix, nudge[i] is a whole row; you want one number at a time.",
           "params.view(-1) is all numbers in one row, whatever the shape, and len of it says how many. A view "
           "shares its numbers with the tensor: write into the view, and the tensor has changed.",
           "Start from slopes = torch.zeros_like(params), which has the right shape even when there is nothing in "
           "it, and fill it."],
    mistakes={
        "this is the change from params upwards, over one nudge. A curve bends, so look to both sides: up and down, "
        "divided by twice the nudge.":
            lambda loss_of, params, size: nudged(loss_of, params, size, down=0, over=1),
        "the difference between up and down lies two nudges apart: divide by twice the size.":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=1),
        "this is by how much the loss changes, not its slope: divide by how far you went.":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=1 / size),
        "every slope has the wrong sign: take the loss above minus the loss below.":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=-2),
        "you go down by one nudge and never up. A curve bends, so look to both sides.":
            lambda loss_of, params, size: nudged(loss_of, params, size, up=0, over=1),
        "the nudges pile up: when the second number is nudged, the first one still is. Begin with fresh zeros for "
        "each.":
            lambda loss_of, params, size: nudged(loss_of, params, size, pile_up=True),
        "all numbers are nudged at once, so nobody can tell which of them changed the loss. Nudge one at a time.":
            lambda loss_of, params, size: torch.zeros_like(params) + (
                loss_of(params + size) - loss_of(params - size)) / (2 * size),
        "the slopes are right and stand in one long row: give the result the shape of params.":
            lambda loss_of, params, size: nudged(loss_of, params, size).view(-1),
        "this is the exact slope at params, as autograd gives it. Here we want what nudging by `size` measures, on "
        "either side; then the two can check each other.":
            lambda loss_of, params, size: torch.autograd.functional.jacobian(loss_of, params),
        "len(params) counts rows, and nudge[i] is a whole row: all numbers in it were nudged together. Go through "
        "the numbers one by one, for instance with .view(-1).":
            lambda loss_of, params, size: torch.stack([
                (loss_of(params + n) - loss_of(params - n)) / (2 * size)
                for n in [size * F.one_hot(torch.tensor(i), len(params)).view(-1, *[1] * (params.ndim - 1))
                          for i in range(len(params))]]),
    },
    probe=in_any_shape,
    right="With it you can check any gradient there is, your own or autograd's, before you trust a training loop.")
def nudged_slopes(loss_of, params, size):
    return nudged(loss_of, params, size)


def nudged(loss_of, params, size, up=1, down=1, over=2, pile_up=False):
    """The slopes between up and down nudges of each number, over so many nudges; pile_up leaves each nudge in place."""
    nudges = torch.eye(params.numel(), dtype=params.dtype) * size
    nudges = [nudge.view(params.shape) for nudge in (nudges.cumsum(0) if pile_up else nudges)]
    slopes = [(loss_of(params + up * nudge) - loss_of(params - down * nudge)) / (over * size) for nudge in nudges]
    return torch.tensor(slopes, dtype=params.dtype).view(params.shape)


@tried(
    hints=["Go through the list. A step is the line  params -= lr * params.grad  of the lesson, for each tensor.",
           "Three things surround it: torch.no_grad(), a question whether .grad is None, and clearing the gradient "
           "afterwards.",
           "p -= … changes the tensor that the model uses. p = p - … makes another tensor and gives it the name p."],
    seconds=30,
    right="This is what opt.step() and opt.zero_grad() of torch.optim.SGD do together.")
def sgd_step(answer):
    def after(grads, lr, values=([1., 2.], [[3.], [-4.]], 5.)):
        leaves = [torch.tensor(value, requires_grad=True) for value in values[:len(grads)]]
        for leaf, grad in zip(leaves, grads):
            leaf.grad = None if grad is None else torch.tensor(grad)
        before, slopes = copied(leaves), [None if leaf.grad is None else leaf.grad.clone() for leaf in leaves]
        answer(list(leaves), lr)
        return leaves, before, slopes

    def moved(leaf, old, slope, factor):
        return torch.allclose(leaf, old + factor * slope, atol=1e-6)

    (p,), (old,), (slope,) = after([[.5, -2.]], .1)
    need(p.shape == old.shape, f"a parameter of shape {tuple(old.shape)} has the shape {tuple(p.shape)} afterwards.")
    need(not torch.equal(p, old), "the tensors are what they were before. p = p - … makes a new tensor and leaves "
                                  "the old one, which the model uses, as it is; p -= … changes the tensor itself. (A "
                                  "gradient that is cleared before the step has the same effect.)")
    need(not moved(p, old, slope, .1), "the step goes uphill: the gradient points to where the loss rises, so "
                                       "subtract it.")
    need(not moved(p, old, slope, -1), "the learning rate is left out: the step is lr times the gradient.")
    need(moved(p, old, slope, -.1), f"with lr .1 and the gradient {rounded(slope)}, {rounded(old)} became "
                                    f"{rounded(p)}, where {rounded(old - .1 * slope)} is wanted.")
    need(p.grad is None or not p.grad.any(), "the gradient is still there after the step. The next backward() would "
                                             "add to it; clear it, with p.grad.zero_() or p.grad = None.")
    need(p.requires_grad and p.is_leaf, "after the step the parameter no longer collects gradients (requires_grad is "
                                        "False).")

    leaves, before, slopes = after([[1., 1.], [[2.], [2.]], 3.], .1)
    done = [moved(*triple, -.1) for triple in zip(leaves, before, slopes)]
    need(any(done[1:]), "only the first parameter has moved. Does a return stand inside the loop?")
    need(all(done), f"of {len(done)} parameters only {sum(done)} made the right step; their shapes are "
                    f"{[tuple(p.shape) for p in leaves]}.")
    need(all(p.grad is None or not p.grad.any() for p in leaves), "only some of the gradients are cleared: each "
                                                                  "parameter has its own.")

    for place in (0, 1, 2):
        grads = [[1., 1.], [[2.], [2.]], 3.]
        grads[place] = None
        leaves, before, slopes = after(grads, .1)
        need(torch.equal(leaves[place], before[place]), "a parameter whose .grad is None has moved: leave it as it is.")
        need(all(moved(leaf, old, slope, -.1) for leaf, old, slope in zip(leaves, before, slopes) if slope is not None),
             "a parameter without a gradient (None) should be skipped, and here it keeps others from making their "
             "step. continue goes on with the next one; break and return end the loop.")
        need(all(p.grad is None or not p.grad.any() for p in leaves), "where one .grad is None, other gradients are "
                                                                      "not cleared.")
    after([], .1)

    p = torch.tensor([4., 1.5], requires_grad=True)
    for _ in range(200):
        (p - 1).square().sum().backward()
        answer([p], .1)
    need(torch.allclose(p, torch.ones(2), atol=1e-3), "one step is right, but 200 of them on a simple bowl end at "
                                                      f"{rounded(p)} and not at its bottom, [1.0, 1.0].")


def awkward_columns():
    """Training and held-back rows: ordinary, one and no held-back row, a column that never varies, one training row."""
    rows = torch.tensor([[1., 40., 7.], [2., 10., 3.], [4., 30., 8.], [5., 20., 4.]])
    still = torch.cat([rows[:, :1], torch.full((4, 1), 3.), rows[:, 1:]], 1)
    return [(rows, torch.tensor([[3., 25., 9.], [7., 90., 1.]])), (rows[:3, :2], rows[3:, :2]), (rows, rows[:0]),
            (still, still[1:3]), (still, still[:2] + 2), (rows[:1], rows[1:3])]


def two_tables(answer, train, valid):
    """What standardised returns; enormous numbers are put in words."""
    tables = answer(train, valid)
    if type(tables) in (tuple, list) and all(isinstance(t, Tensor) and t.is_floating_point() for t in tables):
        need(not any((t.isfinite() & (t.abs() > 1e4)).any() for t in tables), "numbers in the millions come out. A tiny "
             "number added to the std avoids nan, but where a column never varies, held-back rows that are different there "
             "become enormous. Divide by 1 there.")
    return tables


@compared(
    cases=awkward_columns, probe=two_tables,
    hints=["train.mean(0) has one mean for each column; broadcasting subtracts it from each row. The same with "
           "train.std(0).",
           "The held-back rows have to be measured with the same ruler: the mean and std of the training rows.",
           "A column that never varies has the std 0, and a single row has nan. ~(std > 0) is True for both, and a "
           "mask may stand on the left of =."],
    mistakes={
        "the held-back rows get a mean and std of their own. A model that was trained on train's scale would read "
        "them wrongly: the same number must mean the same in both. Use train's mean and std for both.":
            lambda train, valid: (scaled(train, train), scaled(valid, valid)),
        "mean and std were taken over both together. Then the held-back rows have helped to prepare the training, "
        "and are no longer as new as they should be. Use train's alone.":
            lambda train, valid: tuple(scaled(x, torch.cat([train, valid])) for x in (train, valid)),
        "one mean and one std came out for all columns together, but each column has units of its own. Name the axis "
        "that should disappear.": lambda train, valid: tuple((x - train.mean()) / train.std() for x in (train, valid)),
        "each row is standardised, not each column: mean(1) removes the columns. The rows should disappear, axis 0.":
            lambda train, valid: tuple((x - x.mean(1)[:, None]) / x.std(1)[:, None] for x in (train, valid)),
        "the result is divided by the std, but the mean is not subtracted.":
            lambda train, valid: (train / spread(train), valid / spread(train)),
        "the mean is subtracted, but the result is not divided by the std.":
            lambda train, valid: (train - train.mean(0), valid - train.mean(0)),
        "it is divided by the variance, which is the square of the std.":
            lambda train, valid: tuple((x - train.mean(0)) / spread(train) ** 2 for x in (train, valid)),
        "the columns now run from 0 to 1. That is another way to a common scale; here the mean should be 0 and the "
        "std 1.":
            lambda train, valid: tuple((x - train.amin(0)) / (train.amax(0) - train.amin(0)) for x in (train, valid)),
        "your std divides by n, and .std() divides by n - 1. Both are in use; here take .std().":
            lambda train, valid: tuple((x - train.mean(0)) / train.std(0, correction=0) for x in (train, valid)),
        "a column that never varies has the std 0, and 0 divided by 0 is nan. Such a column is only shifted: divide "
        "it by 1.":
            lambda train, valid: tuple((x - train.mean(0)) / train.std(0) for x in (train, valid)),
        "the std of a single training row is nan, and everything that is divided by nan is nan. Divide by 1 there "
        "too; a nan is not above 0, and not equal to 0 either.": lambda train, valid: tuple(
            (x - train.mean(0)) / train.std(0).masked_fill(train.std(0) == 0, 1.) for x in (train, valid)),
        "where a column never varies you get 0, also for held-back rows that are different there. Only subtract its "
        "mean.":
            lambda train, valid: tuple(scaled(x, train) * (train.amax(0) > train.amin(0)) for x in (train, valid)),
    },
    right="On real data such columns exist: of a digit's 784 pixels, those at the border never vary.")
def standardised(train, valid):
    return scaled(train, train), scaled(valid, train)


def scaled(x, like):
    """x with the mean and std of the columns of `like`."""
    return (x - like.mean(0)) / spread(like)


def spread(x):
    """The std of each column, 1 where that is 0 or unknown."""
    if len(x) < 2:
        return torch.ones(x.shape[1])
    return torch.where(x.amax(0) > x.amin(0), x.std(0), 1.)


def throws():
    """Films of throws: time in seconds, height in metres, learning rate, steps."""
    x = torch.linspace(0, 2, 21)
    films = [3 + 4 * x - 1.85 * x ** 2, 1 + 10 * x - 4.9 * x ** 2, 2 + 20 * x - 12.4 * x ** 2]
    films = [y + .1 * torch.sin(9 * x + k) for k, y in enumerate(films)]
    few = torch.tensor([0., 1., 2.])
    return [(x, films[0], .1, 0), (x, films[0], .1, 1), (x, films[0], .1, 2), (few, torch.tensor([1., 3., 1.]), .05, 3),
            (x, films[1], .2, 2000), (x, films[2], .2, 2000)]


def a_throw(answer, x, y, lr, steps):
    """What fit_throw returns, as a list; numbers that are there before the first step are put in words."""
    got = answer(x, y, lr, steps)
    got = got.tolist() if isinstance(got, Tensor) and got.ndim == 1 else got
    if steps == 0 and type(got) in (tuple, list):
        numbers = [v for v in got if isinstance(v, (int, float)) or isinstance(v, Tensor) and v.numel() == 1]
        need(not any(float(v) for v in numbers), f"with 0 steps {rounded(list(map(float, numbers)))} comes out, and "
                                                 "all three parameters should begin at 0. Is one of them random, "
                                                 "built in, or from a formula, or is the number of steps not that "
                                                 "which is asked for?")
    return got


@compared(
    cases=throws, seconds=60,
    probe=a_throw,
    hints=["The loop of descend in the lesson does it for two parameters. What changes is the model, and where the "
           "data come from.",
           "Three parameters start at 0. preds = speed * x + start - gravity / 2 * x ** 2, and the loss is the mean "
           "squared error.",
           "After each step: zero the gradient. After the last one: params.tolist() makes numbers of the parameters."],
    mistakes={
        "it steps uphill: the gradient is added, so the loss grows. Subtract it.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, size=1),
        "the gradients add up: the second step uses the first gradient too, and so on. Set the gradient to zero "
        "after each step.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, kept=1),
        "the steps are as many times too large as there are dots: the loss is the sum of the squared errors. Take "
        "their mean, or the right learning rate depends on the length of the film.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, size=-len(x)),
        "your third parameter is half of gravity: the model takes away gravity / 2 * x ** 2.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, half=1.),
        "the parameters have changed places: hand back speed, start, gravity, in this order.":
            lambda x, y, lr, steps: [fit_throw(x, y, lr, steps)[k] for k in (1, 0, 2)],
        "gravity comes out with the wrong sign: it is subtracted in the model, and a positive number.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, half=-.5),
        "the start stays 0: it has no part in the prediction, or no slope.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, start=0.),
        "gravity stays 0: it has no part in the prediction, or no slope.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, half=0.),
        "it stops after the first step. Does a return or a break stand inside the loop?":
            lambda x, y, lr, steps: fit_throw(x, y, lr, min(steps, 1)),
        "it takes one step too few. range(steps) has `steps` rounds.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, max(steps - 1, 0)),
        "the parameters are still 0 after a step: did it change a copy? params -= … changes them, in torch.no_grad().":
            lambda x, y, lr, steps: (0., 0., 0.),
        "the steps are half as long as they should be: is there a factor in the loss that is not in the mean squared "
        "error?":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, size=-.5),
        "the slopes are those of the root of the mean squared error. The lowest place is the same; the way there is "
        "another, and it never comes to rest. Leave out the root.":
            lambda x, y, lr, steps: fit_throw(
                x, y, lr, steps, of=lambda errors: errors / (2 * errors.square().mean().sqrt())),
        "the slopes are those of the mean absolute error. It asks for another curve; take the squares of the errors.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, of=lambda errors: errors.sign() / 2),
    },
    right="Nobody told it how strong gravity is. Seven steps and a film were enough, on any world.")
def fit_throw(x, y, lr, steps, size=-1., kept=0., half=.5, start=1., of=lambda errors: errors):
    columns = torch.stack([x, start * torch.ones_like(x), -half * x ** 2], 1)
    params, slopes = torch.zeros(3), torch.zeros(3)
    for _ in range(steps):
        slopes = kept * slopes + 2 * columns.T @ of(columns @ params - y) / len(x)
        params = params + size * lr * slopes
    return tuple(params.tolist())


# ---------------------------------------------------------------- notebook 04


@compared(
    cases=lambda: [(4, 4, 3), (28, 28, 1), (28, 28, 10), (8, 20, 5), (1, 1, 1), (2, 3, 2)],
    hints=["One answer first: a weight for each pixel, and a bias. How many pixels are there?",
           "Each answer has weights of its own and a bias of its own."],
    mistakes={
        "the biases are left out: each answer has one number that is added at the end.":
            lambda rows, columns, answers: rows * columns * answers,
        "there is only one bias in it. Each answer has a bias of its own.":
            lambda rows, columns, answers: rows * columns * answers + 1,
        "this is the number for one answer, and each answer needs weights and a bias of its own.":
            lambda rows, columns, answers: rows * columns + 1,
        "the answers share their weights: then all their scores would differ by a constant only. Each has weights of "
        "its own.":
            lambda rows, columns, answers: rows * columns + answers,
        "a bias belongs to an answer, not to a pixel: one is added after all pixels have been added up.":
            lambda rows, columns, answers: 2 * rows * columns * answers,
        "a weight belongs to a pixel, and there are rows times columns pixels, not rows plus columns.":
            lambda rows, columns, answers: (rows + columns + 1) * answers,
        "this is the number of pixels: weights for each answer and the biases are still to come.":
            lambda rows, columns, answers: rows * columns,
    },
    right="Ten digits at once make 7850 parameters. The number of training digits has no part in it.")
def count_parameters(rows, columns, answers):
    return sum(rows * columns + 1 for _ in range(answers))


@compared(
    cases=lambda: [(torch.tensor([[2.], [-1.], [.2], [0.], [-9.], [.7]]), 3, 7),
                   (torch.tensor([[.3], [-.3], [4.]]), 9, 4),
                   (torch.tensor([[-.1]]), 3, 7), (torch.tensor([[.1]]), 0, 1), (torch.zeros(0, 1), 3, 7)],
    hints=["A score above 0 means a probability above one half. torch.where picks between two values.",
           "preds is a column, (n, 1), and a vector, (n,), is wanted: preds[:, 0]. (squeeze would also swallow the "
           "axis of length 1 when there is only one digit.)"],
    mistakes={
        "you compare the scores with .5. These are logits: undecided is 0, and the sigmoid makes .5 of it.":
            lambda preds, yes, no: torch.where(preds[:, 0] > .5, yes, no),
        "everything gets the same answer. A sigmoid is above 0 whatever the score, so a comparison of it with 0 is "
        "always true: compare the score with 0, or the sigmoid with .5.":
            lambda preds, yes, no: torch.full((len(preds),), yes),
        "the two answers have changed places: high scores belong to `yes`, whose target is 1.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, no, yes),
        "a score of exactly 0 is undecided. The exercise, and the accuracy of the lesson, count it as `no`.":
            lambda preds, yes, no: torch.where(preds[:, 0] >= 0, yes, no),
        "the answers are right, but they stand in a column, (n, 1), and the labels are a vector, (n,). Comparing the "
        "two would give n times n answers.": lambda preds, yes, no: torch.where(preds > 0, yes, no),
        "these are True and False, or 1 and 0. Make the digits of them that `yes` and `no` stand for.":
            lambda preds, yes, no: preds[:, 0] > 0,
        "True and False are left, as 1 and 0. Make the digits of them that `yes` and `no` stand for.":
            lambda preds, yes, no: (preds[:, 0] > 0).long(),
        "3 and 7 are built in, and other digits come out wrong: use `yes` and `no`.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, 3, 7),
        "squeeze() swallows each axis of length 1. With a single digit that is also the axis of the digits; preds[:, "
        "0] keeps it.":
            lambda preds, yes, no: torch.where(preds.squeeze() > 0, yes, no),
        "the numbers are right, but they are floats. Labels are whole numbers: .long() converts.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, float(yes), float(no)),
    },
    right="Nothing in a score says 3. Above 0 means 3 only because we gave the 3s the target 1.")
def says(preds, yes, no):
    return torch.tensor([yes if score > 0 else no for score, in preds.tolist()], dtype=torch.int64)


def binary_entropy(preds, y, tiny=0.):
    """Cross-entropy the naive way, with something tiny added to each probability."""
    p = preds.sigmoid()
    return -(torch.where(y > .5, p, 1 - p) + tiny).log().mean()


@compared(
    cases=lambda: [(torch.tensor([[2.], [-1.], [.5], [-3.]]), torch.tensor([[1.], [1.], [0.], [0.]])),
                   (torch.tensor([[1.5]]), torch.tensor([[0.]])),
                   (torch.tensor([[-200.], [1.]]), torch.tensor([[1.], [0.]])),
                   (torch.tensor([[200.], [-150.]]), torch.tensor([[1.], [0.]])),
                   (torch.tensor([[1000.], [-3.], [30.]]), torch.tensor([[0.], [1.], [0.]])),
                   (torch.zeros(3, 1), torch.tensor([[1.], [0.], [1.]]))],
    hints=["Turn the score of a 7 round: let z be the score for a 3 and minus the score for a 7. Then each digit has "
           "the surprise log(1 + exp(-z)), and there is only one case left.",
           "exp of a large number is infinite, exp of a very negative one is 0 and harmless. So see that only "
           "exp(-|z|) is needed.",
           "For a negative z, log(1 + exp(-z)) is the same as -z + log(1 + exp(z))."],
    mistakes={
        "it is infinite for a digit that is far on the wrong side: the probability is rounded to 0 before the "
        "logarithm sees it, or exp of a large number is taken. Both can be avoided when you start from the score.":
            binary_entropy,
        "nan comes out for a very sure score: 0 times an infinite logarithm is no number. Pick one of the two "
        "logarithms with where, and start from the score.":
            lambda preds, y: -(y * preds.sigmoid().log() + (1 - y) * (1 - preds.sigmoid()).log()).mean(),
        "the results add up: a loss should be the mean, or it grows with the number of digits.":
            lambda preds, y: F.binary_cross_entropy_with_logits(preds, y, reduction="sum"),
        "the sign is wrong: the logarithm of a probability is negative, and a surprise is positive.":
            lambda preds, y: -F.binary_cross_entropy_with_logits(preds, y),
        "the targets have changed places: a high score is no surprise where y is 1.":
            lambda preds, y: F.binary_cross_entropy_with_logits(preds, 1 - y),
        "this is mnist_loss, how far the probability is from the target. The surprise is minus the logarithm of the "
        "probability of the truth.": lambda preds, y: (preds.sigmoid() - y).abs().mean(),
        "this logarithm counts in another unit. The usual one is the natural logarithm, .log().":
            lambda preds, y: F.binary_cross_entropy_with_logits(preds, y) / math.log(2),
        "one number for each digit comes out. The loss is their mean.":
            lambda preds, y: F.binary_cross_entropy_with_logits(preds, y, reduction="none"),
        "predictions and targets have different shapes, (n,) and (n, 1), and each prediction was compared with each "
        "target.":
            lambda preds, y: F.binary_cross_entropy_with_logits(
                preds.expand(-1, len(y)), y[:, 0].expand(len(y), -1)),
        "the 7s are left out, or count 0: their surprise is that of the score turned round.":
            lambda preds, y: (y * F.softplus(-preds)).mean(),
        "this is what the surprise comes near to, far from 0: -z on the wrong side and 0 on the right one. Between "
        "them there is no corner; log(1 + exp(-|z|)) rounds it off.":
            lambda preds, y: F.relu(torch.where(y > .5, -preds, preds)).mean(),
        "F.binary_cross_entropy on probabilities stops counting at 100, so -200 and -2000 cost the same. Start from "
        "the score.":
            lambda preds, y: F.binary_cross_entropy(preds.sigmoid(), y),
        **{f"{tiny:g} keeps the probability away from 0. That hides the infinite loss, but now -200 and -2000 cost "
           "the same: the slope is 0, and the digits that are most wrong have nothing to say. Start from the score.":
           lambda preds, y, tiny=tiny: binary_entropy(preds, y, tiny)
           for tiny in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)},
    },
    right="No score is too wild for it now. Libraries do the same, under names such as softplus and logsigmoid.")
def stable_cross_entropy(preds, y):
    return (preds.clamp(min=0) - preds * y + torch.log1p(torch.exp(-preds.abs()))).mean()


def few_digits():
    """x (n, k), y (n, 1), w (k, 1) and b (1,): of several sizes, one digit, an always black pixel, wild scores."""
    for n, k, size in [(4, 3, 1.), (6, 2, 1.), (1, 5, 1.), (5, 1, 1.), (3, 3, 1.), (7, 4, 60.)]:
        x, w = pile(1, n, k, seed=n + k)[0] + .1, size * (pile(1, k, 1, seed=k)[0] - .3)
        x[:, 0] *= float(k < 4)
        yield x, (torch.arange(n) % 3 == 0).float()[:, None], w, torch.tensor([.4])


@compared(
    cases=lambda: list(few_digits()),
    hints=["For one score the slope of the loss is p - y: how much too likely a 3 was thought to be. Begin with this "
           "column, (n, 1).",
           "The score is x @ w + b. A weight is multiplied by its pixel, so its slope is the mean of (p - y) times "
           "that pixel.",
           "Broadcasting (n, 1) times (n, k) and the mean over axis 0 leave (k,); [:, None] makes the column."],
    mistakes={
        "these are sums over the digits, and the loss is a mean: divide by the number of digits.":
            lambda x, y, w, b: pulls(x, (x @ w + b).sigmoid() - y, len(x)),
        "the sigmoid is left out: p is the sigmoid of the score, and p - y lies between -1 and 1.":
            lambda x, y, w, b: pulls(x, x @ w + b - y),
        "every slope has the wrong sign: it is p - y, not y - p. A 7 with a high p makes the loss rise with the score.":
            lambda x, y, w, b: pulls(x, y - (x @ w + b).sigmoid()),
        "the sums are divided by the number of pixels. The mean is over the digits, len(x).":
            lambda x, y, w, b: pulls(x, (x @ w + b).sigmoid() - y, len(x) / x.shape[1]),
        "the bias is missing in the score, so p is a little off for every digit.":
            lambda x, y, w, b: pulls(x, (x @ w).sigmoid() - y),
        "this is the gradient of the squared errors, with the factor p (1 - p). In cross-entropy it "
        "cancels against the slope of the logarithm, and p - y is left.":
            lambda x, y, w, b: pulls(x, (lambda p: (p - y) * 2 * p * (1 - p))((x @ w + b).sigmoid())),
        "this is the gradient of mnist_loss, with the factor p (1 - p). In cross-entropy it cancels against the "
        "slope of the logarithm, and p - y is left.":
            lambda x, y, w, b: pulls(x, (lambda p: (1 - 2 * y) * p * (1 - p))((x @ w + b).sigmoid())),
        "the slopes of the weights are right, that of the bias is a sum: divide it by the number of digits too.":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y)[0], ((x @ w + b).sigmoid() - y).sum(0)),
        "the slope of the bias is right, those of the weights are sums: divide them by the number of digits too.":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y, len(x))[0], ((x @ w + b).sigmoid() - y).mean(0)),
        "each weight has the same slope: multiply p - y by the pixels, each weight with its own.":
            lambda x, y, w, b: (((x @ w + b).sigmoid() - y).mean() + 0 * w, ((x @ w + b).sigmoid() - y).mean(0)),
        "the slopes of the weights are right, but they come as a row or a vector. They should have the shape of w, "
        "(k, 1).":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y)[0][:, 0], ((x @ w + b).sigmoid() - y).mean(0)),
        "the slope of the bias is right, but it comes without an axis. It should have the shape of b, (1,).":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y)[0], ((x @ w + b).sigmoid() - y).mean()),
        "bias and weights have changed places: hand back the slopes of w first.":
            lambda x, y, w, b: pulls(x, (x @ w + b).sigmoid() - y)[::-1],
    },
    right="That is all a backward pass has to do for this model. Where a pixel is always black, the slope is 0.")
def cross_entropy_gradient(x, y, w, b):
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    return torch.autograd.grad(F.binary_cross_entropy_with_logits(x @ w + b, y), (w, b))


def pulls(x, pull, times=1.):
    """The slopes of w (k, 1) and b (1,) when each score pulls with `pull` (n, 1), `times` their mean."""
    return x.T @ pull / len(x) * times, pull.mean(0) * times


@tried(
    seconds=90,
    hints=["It is the function train of the lesson without its history: zeros, then `epochs` times predict, loss, "
           "gradient, step, zero.",
           "w and b need requires_grad, the step needs torch.no_grad(), and both gradients are cleared after it. Or "
           "use your cross_entropy_gradient: then no autograd is needed at all.",
           "With p -= lr * p.grad the parameters change in place. Hand back w and b at the end."],
    right="It learned two pairs of digits that nobody described to it, and gets most of the digits right that it has "
          "never seen.")
def train_linear(answer):
    def trained(x, y, lr, epochs):
        given = x.clone(), y.clone()
        got = answer(*given, lr, epochs)
        need(got is not None, "nothing comes back (None): end your code with return w, b.")
        need(type(got) in (tuple, list) and len(got) == 2, f"{a_kind(got)} comes back, and the pair w, b is wanted.")
        need(all(isinstance(p, Tensor) and p.is_floating_point() for p in got),
             f"the pair holds {a_kind(got[0])} and {a_kind(got[1])}; two tensors of floats are wanted, w and b.")
        w, b = got[0].detach(), got[1].detach()
        need(w.shape == (x.shape[1], 1), f"with x of shape {tuple(x.shape)}, w has the shape {tuple(w.shape)}, and "
             f"{(x.shape[1], 1)} is wanted: a weight for each pixel of x, as a column." +
             (" (Is b in the first place?)" if w.shape == (1,) else ""))
        need(b.shape == (1,), f"b has the shape {tuple(b.shape)}, and (1,) is wanted.")
        need(torch.equal(given[0], x) and torch.equal(given[1], y), "your code changes x or y, and whoever called it "
                                                                    "is left with the changed digits.")
        return w, b

    def path(x, y, lr, epochs, kept=0., steps_back=1.):
        w, b, slopes = torch.zeros(x.shape[1], 1), torch.zeros(1), (0., 0.)
        for _ in range(epochs):
            slopes = [new + kept * old for new, old in zip(pulls(x, (x @ w + b).sigmoid() - y), slopes)]
            w, b = w - lr * slopes[0], b - lr * slopes[1]
        return w, b

    def near(got, wanted, times=1.):
        return all(torch.allclose(g, times * v, rtol=1e-3, atol=1e-5) for g, v in zip(got, wanted))

    digits = load_digits((3, 7), dataset="bundled")
    x, y = as_xy(digits.train_x, digits.train_y, 3)
    x, y = x[:350], y[:350]          # more 3s than 7s, so that the bias has a slope from the start
    toy = torch.tensor([[1., 0., .5], [0., 1., .5]])

    for lr, epochs, what in [(.5, 0, "after 0 epochs"), (0., 3, "with the learning rate 0")]:
        w, b = trained(x, y, lr, epochs)
        need(not w.any() and not b.any(), f"{what} w and b should be all zeros, where they begin, and they are not. "
                                          "Are they random at the start, is lr or epochs not the one asked for, or "
                                          "does it go on from an earlier run?")
    try:
        trained(toy, torch.tensor([[1.], [0.]]), .5, 1)
    except RuntimeError as error:
        need("shape" not in str(error) and "size" not in str(error), "it works for 784 pixels, and ends with an "
                                                                     "error for images of 3 pixels. Is 784 built in? "
                                                                     "x.shape[1] says how many there are.")
        raise


    got, wanted = trained(x, y, .5, 1), path(x, y, .5, 1)
    need(got[0].isfinite().all() and got[1].isfinite().all(), "nan or infinite numbers come out after a single epoch.")
    need(got[0].any() or got[1].any(), "after an epoch w and b are still zeros. p = p - … makes a new tensor, and a "
                                       "tensor that was copied before the training does not learn; or the slopes are "
                                       "0, as those of accuracy are.")
    need(got[1].any(), "w has learned and b is still 0. Does the step change both?")
    need(got[0].any(), "b has learned and w is still all zeros. Does the step change both?")
    need(not near(got, wanted, -1), "it steps uphill: the slopes are added, so the loss grows. Subtract lr times the "
                                    "slopes.")
    need(not near(got, wanted, len(x)), "the step is as many times too long as there are digits: the loss is a sum. "
                                        "Take the mean.")
    need(not near(got, wanted, .5), "the first step is half as long as that of cross-entropy. mnist_loss does that: "
                                    "it pulls with p (1 - p), and so do squared errors. Take the cross-entropy.")
    need(not near(got, wanted, 2), "the first step is twice as long as it should be: is a gradient counted twice, or "
                                   "are there two steps in an epoch?")
    both = ((.5 - y.mean()) * x.mean(0)[:, None] * -.5, wanted[1])
    need(not near(got, both), "each prediction was compared with each target: preds (n, 1) and y (n,) are stretched "
                              "to n times n. Leave y a column.")
    need(near(got, wanted), "the first step is not that of cross-entropy over all digits: after one epoch with lr "
                            f".5, b is {rounded(got[1].item())} where {rounded(wanted[1].item())} is wanted. Take all "
                            "of x, as it is, in each step; cross_entropy_gradient has the formula.")
    got, wanted = trained(x, y, .5, 3), path(x, y, .5, 3)
    need(not near(got, path(x, y, .5, 3, kept=1)), "the first step is right, and then the gradients add up: clear "
                                                   "both after each step.")
    need(not near(got, path(x, y, .5, 1)), "after 3 epochs w and b are where they were after the first. Does a "
                                           "return stand in the loop, or is the loss calculated only once?")
    need(not near(got, path(x, y, .5, 2)), "it takes one epoch too few.")
    need(not near(got, path(x, y, .5, 4)), "it takes one epoch too many.")
    need(near(got, wanted), "the first step is right, but not the third: after 3 epochs with lr .5, b is "
                            f"{rounded(got[1].item())} where {rounded(wanted[1].item())} is wanted. Is everything "
                            "calculated anew in each epoch, and are both gradients cleared?")

    for pair, least in [((3, 7), .96), ((4, 9), .93)]:
        digits = load_digits(pair, dataset="bundled")
        x, y = as_xy(digits.train_x, digits.train_y, pair[0])
        vx, vy = as_xy(digits.valid_x, digits.valid_y, pair[0])
        w, b = trained(x, y, .5, 100)
        loss, score = F.binary_cross_entropy_with_logits(x @ w + b, y).item(), accuracy(vx @ w + b, vy).item()
        need(loss < .2, f"on the digits {pair[0]} and {pair[1]} the training loss is {loss:.3f} after 100 epochs with "
                        "lr .5, where less than .1 is usual. Are the digits those that were handed in?")
        need(score >= least, f"on the digits {pair[0]} and {pair[1]} only {score:.3f} of those held back are right, "
                             f"where {least} and more is usual. Are the digits those that were handed in?")


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
           "Neighbouring pixels show nearly the same. nn.AvgPool2d(2) makes one number, their mean, of each square of "
           "2 × 2 pixels, and has no parameters.",
           "It wants images: nn.Unflatten(1, (1, 28, 28)) makes them of rows, and nn.Flatten() makes rows again. How "
           "many numbers are left of 784, and how many units can they feed?"],
    seconds=120,
    right="A few units, and the linear model is left behind. Go on down: at which size does it depend on the seed?")
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
    need(count <= 2400, f"it has {count:,} parameters, and at most 2,400 are allowed. A hidden unit that sees all pixels "
         "needs 784 of them: take fewer units, or let them see fewer numbers.")
    untrained = torch.cat([made(seed)(vx) for seed in range(3)])
    need((untrained <= 0).any(), "its scores are all above 0, so it can only ever say 3. Is there a sigmoid behind the "
         "last layer?")
    need((untrained < 0).any() or not (untrained > 0).any(), "its scores are never below 0, so it can only ever say 3. "
         "Is there a ReLU behind the last layer?")
    moves = [(-2, 2, 0, 0), (2, -2, 0, 0), (0, 0, -2, 2), (0, 0, 2, -2)]
    moved, targets = torch.cat([F.pad(valid_x, move) for move in moves]).flatten(1), vy.repeat(4, 1)
    torch.manual_seed(0)
    epochs = [wiggle(x) for _ in range(60)]

    def score(make, seed):
        model = make(seed)
        opt = torch.optim.SGD(model.parameters(), lr=.3)
        schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, len(epochs))
        for k, wiggled in enumerate(epochs):
            train_epoch(model, opt, Batches(wiggled, y, 32, shuffle=True, seed=k))
            schedule.step()
        with torch.no_grad():
            return accuracy(model(moved), targets).item()

    scores = [score(made, seed) for seed in range(3)]
    linear = score(lambda seed: nn.Linear(784, 1), 0)
    coins = sum(score < .6 for score in scores)
    need(coins < 3, "with all three seeds the trained model is no better than a coin. Do its parameters start at 0, or "
         "does something in it let no gradient through?")
    need(not coins, f"with {coins} of 3 seeds it is no better than a coin: with so few hidden units, one start in some "
         "has only dead ones. Take a few units more, or an activation that cannot die.")
    ahead = sum(scores) / 3 - linear
    need(ahead > -.004, f"with its {count:,} parameters it is behind the linear model. Does it have a ReLU between two layers? "
         "Or does it see too little of the image?")
    need(ahead >= .01, f"with its {count:,} parameters it is level with the linear model, or hardly ahead: a point is "
         "wanted. Without a ReLU between two layers it is a linear model; with one, it needs more units.")


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
