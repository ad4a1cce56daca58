"""What stands behind the notebooks. A notebook needs two names of it: `from course import check, hint`."""
import base64
import zlib
from pathlib import Path


def check(answer=None) -> None:
    """Say whether an answer, the function or class with the exercise's name, is right, not yet, or not attempted."""
    from course.exercises import check
    check(answer)


def hint(answer=None, number: int = 1) -> None:
    """Give a hint for an exercise; hint(answer, 2) gives the next one."""
    from course.exercises import hint
    hint(answer, number)


def text_of(file: Path) -> str:
    """The text of a file with answers; packed in students' copies, so that nobody reads it by accident (tools/copies.py)."""
    text = file.read_text(encoding="utf-8")
    return text if text[0] in "#=" else zlib.decompress(base64.b64decode(text)).decode("utf-8")
