"""Answers as readers write them, a text file for each notebook. tests/test_exercises.py gives them to the checks.

    import torch                           what all answers of the file may use
    === converged(losses, least)           the first line of the answers that follow (or: === class Momentum)
    !! abs, or round, hides the sign       a wrong answer, and a part of what check has to say to it
        return len(losses) > 1 and …       its code
    ok                                     a right answer in another style
"""
import linecache
import re
from pathlib import Path
from typing import Any, Iterator


def answers(file: Path) -> Iterator[tuple[str, Any, str | None]]:
    """The answers of a file: name of the exercise, function or class, part of the sentence (None: it is right)."""
    shared, *blocks = re.split(r"^=== ", file.read_text(encoding="utf-8"), flags=re.M)
    for block in blocks:
        head, _, rest = block.partition("\n")
        name = re.search(r"(\w+)(\(|$)", head)[1]
        head = head if head.startswith("class ") else f"def {head}"
        _, *parts = re.split(r"^(!! .*|ok)\n", rest, flags=re.M)
        for k, (mark, body) in enumerate(zip(parts[::2], parts[1::2])):
            names, where = {"__name__": "answers"}, f"<{file.stem}: {head}, {k}>"
            exec(shared, names)
            source = f"{head}:\n{body}" if body.startswith(" ") else body
            linecache.cache[where] = len(source), None, source.splitlines(True), where
            exec(compile(source, where, "exec"), names)
            yield name, names[name], None if mark == "ok" else mark[3:]
