"""Wrong answers as readers write them, one file for each notebook; tests/test_exercises.py gives them to the checks."""
from typing import Callable

COLLECTED: list[tuple[str, Callable, str]] = []


def wrong(part: str):
    """Collect the decorated answer; what check says to it must contain `part`, in any wrapping."""
    def collect(answer):
        COLLECTED.append((answer.__name__, answer, part))
        return answer
    return collect
