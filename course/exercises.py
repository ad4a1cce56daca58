"""The checks behind the exercises: check(answer) says how far you are, hint(answer) helps without telling all.

The exercises stand in checks/, a file for each notebook, one place for each. An exercise is judged in one of two ways:

@compared(…) stands above a reference. The answer has to give the same results for all `cases`. `mistakes` maps a
    sentence to a wrong answer; whoever's results are the same as those of the wrong answer reads its sentence.
@tried(…) stands above a trial: a function that is given the answer, uses it, and calls need(condition, sentence).

Whatever an answer does, nothing here raises an error or waits for ever. Inputs, PyTorch's random numbers and its default
type are as before afterwards.
"""
from __future__ import annotations

import contextlib
import ctypes
import dis
import importlib
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
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

import torch
from torch import Tensor


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
CHECKING = "check"                    # the name of the thread in which an answer runs


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
    def all_cases():
        yield from cases()
        for seed in range(1, tries + 1 if random else 1):
            torch.manual_seed(seed)
            yield random()
    mistakes = mistakes or {}

    def register(reference):
        def judge(answer):
            results = [(case, outcome(probe, answer, copied(case)), outcome(probe, reference, copied(case)))
                       for case in all_cases()]
            failing = [k for k, (_, got, wanted) in enumerate(results) if not same(got, wanted)]
            if not failing:
                return
            def agrees(mistake, k):
                return same(results[k][1], outcome(probe, mistake, copied(results[k][0]), foreseen=True))

            sound = [k for k in range(len(results)) if k not in failing]
            few = isinstance(results[failing[0]][2], (bool, int, float))     # single numbers may agree by chance
            meant = [sentence for sentence, mistake in mistakes.items()
                     if agrees(mistake, failing[0]) and all(agrees(mistake, k) for k in sound)
                     and (not few or sum(agrees(mistake, k) for k in failing) >= min(2, len(failing)))]
            if len(meant) > 1:                                       # the one that agrees most often
                meant.sort(key=lambda sentence: -sum(agrees(mistakes[sentence], k) for k in failing))
            if meant:
                raise NotYet(meant[0])
            case, got, wanted = results[failing[0]]
            if isinstance(got, Exception):
                raise got
            but = "it is right for other inputs, but with" if len(sound) >= len(failing) else "with"
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
    not_attempted = wrapped(f"{name}: not attempted yet. Write your answer in the cell above, run it, and then this "
                            f"one again. hint({name}) helps.")
    try:
        if is_untouched(answer, exercise.untouched):
            return not_attempted
        error, printed = guarded(lambda: exercise.judge(answer), exercise.seconds)
    except TimeoutError:
        error, printed = NotYet(
            f"it has not finished after {exercise.seconds:.0f} seconds and was stopped. Is there a loop that never "
            "ends, or one over pixels or images that a single operation on the whole tensor could do?"), ""
    if error is None:
        return wrapped(f"{name}: right. {exercise.right}")
    if type(error) is NotImplementedError and not error.args:    # with a text it is PyTorch's or Jupyter's
        return not_attempted
    because = str(error) if isinstance(error, NotYet) else explained(error, answer)
    return wrapped(f"{name}: not yet, because {because}{also_printed(printed)}")


def named(answer) -> tuple[str, Exercise | None]:
    """The exercise's name and the exercise; when there is none, a text that says so, and None."""
    try:
        name = answer.__name__
    except Exception:                                            # an object: its class has the name
        name = type(answer).__name__
    if name in EXERCISES and callable(answer):
        return name, EXERCISES[name]
    what = f"{name!r} is the name of no exercise" if callable(answer) else f"this is {a_kind(answer)}"
    return wrapped(f"not yet, because {what}: give check the function or class that you wrote, and keep the name that "
                   "it has in the exercise, as in check(ink)."), None


# ---------------------------------------------------------------- running an answer

class Printed(io.StringIO):
    """What an answer prints, as far as anybody would read it."""
    def write(self, text: str) -> int:
        return super().write(text[:1000]) if not self.closed and self.tell() < 10_000 else len(text)

    def close(self) -> None:                                     # some answers close sys.stdout
        pass


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

    thread = threading.Thread(target=work, daemon=True, name=CHECKING)
    dtype, printed = torch.get_default_dtype(), Printed()
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
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident),
                                                               ctypes.py_object(SystemExit))
                    thread.join(.05)
            torch.set_default_dtype(dtype)
    return (caught[0] if caught else None), printed.getvalue()


def outcome(probe: Callable, answer: Callable, case: tuple, foreseen: bool = False) -> Any:
    """The result of an answer for one case, or the exception that it raised; of a foreseen mistake, any exception."""
    before = copied(case)
    try:
        result = probe(answer, *case)
        if type(result).__module__ == "numpy" and getattr(result, "ndim", 1) == 0:
            result = result.item()
    except Exception as error:
        if isinstance(error, NotYet) and not foreseen:
            raise
        return error
    if not foreseen and not same(list(case), list(before)):
        kept = "list that it is given (pop, sort and append do that)" if any(
            type(v) is list and not same(v, w) for v, w in zip(case, before)) else "tensor that it is given"
        raise NotYet(f"your code changes the {kept}, and whoever called it is left with the changed one. Work on a "
                     f"copy, made with {'list(…)' if 'list' in kept else '.clone()'}.")
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

def same(a, b) -> bool:
    """Whether two results are the same up to rounding; a tensor without axes is a number, and 2 will do for 2.0."""
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b) and re.sub(r"\d+", "", str(a)[:300]) == re.sub(r"\d+", "", str(b)[:300])
    if type(a) in (list, tuple) or type(b) in (list, tuple):
        return (type(a) in (list, tuple) and type(b) in (list, tuple) and len(a) == len(b)
                and all(same(v, w) for v, w in zip(a, b)))
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        if not all(isinstance(v, (Tensor, int, float)) for v in (a, b)):
            return False
        a, b = torch.as_tensor(a).detach(), torch.as_tensor(b).detach()
        if a.shape != b.shape:
            return False
        whole = a.ndim == 0 and kind(a) == "whole numbers" and kind(b) == "floats"
        if kind(a) != kind(b) and a.numel() and not whole:
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
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else "a number"
    name = {"ndarray": "NumPy array", "str": "text", "int": "whole number", "bool": "True or False"}.get(
        type(value).__name__, type(value).__name__)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


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
        if len(got) == 2 and same(got[0], wanted[1]) and same(got[1], wanted[0]):
            return "the two results have changed places."
        k = next(k for k, (v, w) in enumerate(zip(got, wanted)) if not same(v, w))
        place = ("first", "second", "third")[k] if k < 3 else f"{k + 1}th"
        return f"in the {place} of {len(wanted)} results, {difference(got[k], wanted[k])}"
    if isinstance(wanted, (Tensor, int, float)) and isinstance(got, (Tensor, int, float)):
        if isinstance(wanted, Tensor) and wanted.ndim and not isinstance(got, Tensor):
            return f"{a_kind(got)} comes back where a tensor of shape {tuple(wanted.shape)} is wanted."
        return tensors_differ(torch.as_tensor(got).detach(), torch.as_tensor(wanted).detach())
    if type(got) is not type(wanted):
        made = ""
        if isinstance(wanted, Tensor) and type(got).__name__ in ("list", "tuple", "ndarray"):
            made = " torch.tensor or torch.stack makes a tensor of it."
        elif inspect.isgenerator(got):
            made = " yield, or round brackets, make a generator; list(…) makes a list of it."
        elif type(got).__module__ == "torch.return_types":
            made = " max, min and sort with an axis give values and places: .values or .indices."
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
        if got.ndim == wanted.ndim:
            return f"{shapes}: the number of axes is right, their lengths are not."
        return f"{shapes}. Which axes should disappear, and which should stay?"
    if kind(got) != kind(wanted):
        return f"your result holds {kind(got)}, and {kind(wanted)} are wanted."
    if kind(got) == "True and False" and got.ndim:
        if (got == ~wanted).all():
            return "each answer is the opposite of what is wanted: True and False have changed places."
        return f"{int((got != wanted).sum())} of {got.numel()} answers are wrong."
    g, w = got.double(), wanted.double()
    if (g.isnan() & ~w.isnan()).any():
        return ("nan comes out, which is not a number: that happens when 0 is divided by 0, or a mean is taken of "
                "nothing.")
    if (g.isinf() & ~w.isinf()).any():
        return "an infinite number comes out: something is divided by 0, or the logarithm of 0 is taken."
    if torch.allclose(g, -w, rtol=1e-3, atol=1e-5):
        return "every number has the wrong sign."
    clear = w.abs() > 1e-6
    factor = (g[clear] / w[clear]).median().item() if clear.any() else math.nan
    if g.numel() > 1 and abs(factor) > 1e-6 and torch.allclose(g, w * factor, rtol=1e-3, atol=1e-5):
        return (f"every number is {factor:.4g} times what it should be. A sum in place of a mean, or a factor too many "
                "or too few?")
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
    (r"does not require grad",
     "there is no way back from the loss to the parameters: were they made with requires_grad, and is the loss "
     "calculated from them, outside of torch.no_grad() and without detach or item?"),
    (r"grad can be implicitly created only for scalar",
     "only one number can be sent back: take the mean of the losses first."),
    (r"backward through the graph a second time", "the same loss is sent back twice: calculate it anew in each step."),
    (r"could not infer output dtype|Input dtype must be either a floating|Got: (Long|Byte|Bool)|got (Long|Byte|Bool)",
     "mean and its like want floats: put .float() in front."),
    (r"size of tensor a .* must match|shapes cannot be multiplied|[Ss](hape|ize) mismatch|inconsistent tensor size|"
     r"must be the same as input size|equal size", "two shapes do not fit together: look at .shape of both."),
    (r"Dimension out of range", "an axis is named that this tensor does not have."),
    (r"only one element tensors can be converted|cannot be converted to Scalar|only integer tensors|"
     r"Boolean value of Tensor with more than one",
     "a whole tensor stands where one number is wanted; .any(), .all() or .sum() make one of many. "
     "Whether something is there at all is asked with  is not None."),
    (r"NoneType",
     "something is None. A .grad is None before the first backward(), and for a new tensor, such as p = p - … makes; "
     "p -= … changes the old one. A function without return gives None, too."),
    (r"empty|need at least one|numel\(\) == 0",
     "this is a pile with nothing in it, and a loop leaves nothing to stack: work on the whole pile at once, or say "
     "what should come out then."),
    (r"out of bounds|index out of range",
     "a place is asked for that does not exist. Is a length such as 28 built in? .shape tells it."),
    (r"invalid for input of size", "view needs just as many numbers: is a length such as 28 or 784 built in?"),
    (r"is not defined", "there is no such name: work with the inputs of the function."),
    (r"without overflow", "a byte cannot hold this number: .int() or .float() first."),
    (r"values to unpack", "there are more names, or fewer, than things to name: how many axes or results are there?"),
    (r"between 0 and 1", "this loss wants probabilities; the one whose name ends in _with_logits wants scores."),
    (r"'list' object has no attribute", "a list is no tensor: go through it with for, or make a tensor of it."),
    (r"must be tuple of Tensors", "a list is wanted: list(images)."),
    (r"can require gradients", "parameters have to be floats: write 0. and not 0."),
    (r"cannot access local|referenced before assignment",
     "this name gets its value only in a loop or an if that was not entered."),
    (r"can't call numpy\(\) on Tensor that requires grad|Can't call numpy", "write .detach() before .numpy()."),
]


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
    if isinstance(error, TypeError) and "argument" in message and not lines:
        what = "it cannot be called as the exercise says"
        meaning = "Keep the inputs that the exercise gives, in their order."
    text = f"{what}{f' in the line  {at}  ' if at else ' '}({type(error).__name__}{': ' * bool(message)}{message})."
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


# ---------------------------------------------------------------- the exercises

for _file in sorted((Path(__file__).parent / "judges").glob("[a-z]*.py")):       # these import from here what stands above
    importlib.import_module(f"course.judges.{_file.stem}")
