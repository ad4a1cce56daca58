"""What check says: how two results differ, what may be the reason, and what an error means."""
from __future__ import annotations

import inspect
import linecache
import math
import re
import textwrap
import traceback
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
from torch import Tensor


def leaves(value) -> Iterator:
    """What lists and tuples hold, however deep."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def numeric(value, wanted=None) -> Tensor | None:
    """A tensor, a NumPy array or a number as a tensor, and where a list is wanted, a list of as many; None for the rest."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.from_numpy(value.copy())
    if isinstance(value, (list, tuple)) and isinstance(wanted, list) and len(value) == len(wanted) > 0:
        return torch.tensor(value) if all(isinstance(v, (int, float)) for v in value) else None
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
    return {torch.bool: "True and False", torch.uint8: "bytes (uint8)"}.get(
        tensor.dtype, "floats" if tensor.is_floating_point() else "whole numbers")


def a_kind(value) -> str:
    """A value in words: `None`, `a list`, `a tensor of shape (3, 1)`."""
    if value is None or value is ...:
        return str(value)
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else "a number"
    name = type(value).__name__
    name = {"ndarray": "NumPy array", "str": "text", "int": "whole number", "bool": "True or False"}.get(name, name)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def described(case: tuple) -> str:
    """The inputs of a case, as they can be typed when they are short."""
    def one(value):
        if isinstance(value, Tensor):
            return f"tensor({rounded(value)})" if 0 < value.numel() <= 12 else a_kind(value)
        if isinstance(value, (list, tuple)):
            return ("[%s]" if isinstance(value, list) else "(%s)") % ", ".join(map(one, value))
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
        at = tuple((~torch.isclose(g.double(), w.double(), 1e-3, 1e-5, equal_nan=True)).nonzero()[0].tolist())
        where = f" at index {at[0] if len(at) == 1 else at}" if at else ""
        return f"{rounded(g[at])} comes out{where} where {rounded(w[at])} is wanted."
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
            if type(got).__module__ == "torch.return_types" else "")
    return f"{a_kind(got)} comes back where {a_kind(wanted)} is wanted. {made}"


def remarks(case: tuple, got, wanted, sound: bool, several: bool) -> Iterator[str]:
    """What is true of a wrong result, the most telling first. sound, several: are there right results, or other wrong ones?"""
    if got is None:
        yield ("For other inputs something does: every way through your code has to end with return." if sound else
               "End your code with return and the result.")
    g, w = numeric(got, wanted), numeric(wanted, wanted)
    if g is None or w is None:
        if isinstance(got, (list, tuple)) and isinstance(wanted, (list, tuple)) and len(got) == len(wanted):
            if len(got) == 2 and same(got, wanted[::-1]):
                yield "The two results have changed places."
            part = next(pair for pair in zip(got, wanted) if not same(*pair))
            yield from remarks(case, *part, sound, several)
        return
    alike = "True and False" not in (kind(g), kind(w))
    g, w = g.double(), w.double()
    if close(g, w):
        return
    if g.ndim == 2 and close(g.T, w):
        yield "Rows and columns have changed places."
    if g.shape != w.shape:
        true = {"The numbers are there, only an axis of length 1 is too many or missing.": close(g.squeeze(), w.squeeze()),
                "One number came out for everything. Name only those axes that should disappear.": g.ndim == 0}
        yield from filter(true.get, true)
        return
    clear = w.abs() > 1e-6
    factor = (g[clear] / w[clear]).median().item() if clear.any() else 0
    times = alike and abs(factor) > 1e-6 and close(g, w * factor)
    shapes = [(len(v),) if isinstance(v, list) else v.shape for v in case if isinstance(v, (list, Tensor))]
    counts = {n for shape in shapes for n in (*shape, math.prod(shape), math.prod(shape[1:]))} - {0, 1}
    true = {"nan is no number: it comes when 0 is divided by 0, or a mean is taken of nothing.": (g.isnan() & ~w.isnan()).any()}
    if g.numel() > 1 or several and not sound:                   # one number alone may be a multiple by chance
        true |= {
            "Every number has the wrong sign.": times and round(factor, 3) == -1,
            f"Every number is {factor:.4g} times what it should be.": times,
            "A sum or a count comes out where a mean or a fraction is wanted: divide by how many there are.":
                times and any(math.isclose(factor, n, rel_tol=1e-3) for n in counts),
            "Each answer is the opposite of what is wanted: True and False have changed places.": not alike and close(g, 1 - w),
            "The right numbers come out, but not in their right order.":
                alike and close(g.flatten().sort()[0], w.flatten().sort()[0])}
    yield from filter(true.get, true)


# What PyTorch's and Python's most frequent messages mean: a pattern in the message, and what to look for.
MEANINGS = [block.split("\n", 1) for block in
            Path(__file__).with_name("meanings.txt").read_text(encoding="utf-8").split("\n\n")]


def explained(error: BaseException, answer) -> str:
    """An error in the reader's code: what Python says, in which line, and what it usually means."""
    message = re.split(r"\.? *\n|\. |\.$", str(error).strip()[:300])[0]
    message = re.sub(r"[\w.]*<locals>\.| at 0x\w+|(/[\w.-]+){2,}", "", message)
    functions = [answer, *getattr(answer, "__dict__", {}).values()]
    files = {inspect.unwrap(f).__code__.co_filename for f in functions if inspect.isfunction(f)}
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    at = linecache.getline(lines[-1].filename, lines[-1].lineno).strip() if lines else ""
    what = "it ends with an error" if lines else "what comes back cannot be used"
    meaning = next((words.strip() for pattern, words in MEANINGS if re.search(pattern, message)), "")
    if written := set(re.findall(r"\b\d\d+", at)) & set(re.findall(r"\d\d+", message)):
        meaning += f" The length {written.pop()} is written into this line; .shape tells it for every size."
    if isinstance(error, TypeError) and "argument" in message and not lines:
        what, meaning = "it cannot be called as the exercise says", "Keep the inputs that the exercise gives, in their order."
    text = f"{what}{f' in the line  {at}  ' if at else ' '}({type(error).__name__}{': ' * bool(message)}{message})."
    return f"{text} {meaning[:1].upper()}{meaning[1:]}".strip()
