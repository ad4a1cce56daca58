"""Copies for a class, and the course's public address: python -m tools.copies student | key | zip | publish OWNER/NAME"""
import base64
import re
import shutil
import sys
import zipfile
import zlib

import nbformat

from tools.notebooks import (ROOT, as_text, command_line, execute, files_of_the_course, has, is_right, new_build, normalise,
                             notebooks, read, write, writing)
from tools.order import order

FOR_TEACHERS = re.compile(r"\.|tests/|conftest\.py|pyproject\.toml|tools/book/teaching\.md"
                          r"|tools/(?!__init__\.py|(notebooks|order|lab|before)\.py|book/|benchmarks/|(constraints|requirements)\.txt)")
WITH_ANSWERS = re.compile(r"course/(museum|judges/\w+)\.(py|md|txt)")
COMMANDS = "lab|course|refresh|book"                 # what make does for students, too
PACKED = '''"""The checks of the course, packed so that nobody reads an answer by accident."""
import base64
import zlib

exec(zlib.decompress(base64.b64decode("""
{}""")))
'''


def for_students(name: str, text: str) -> str:
    """README, Makefile or requirements.txt without what students do not have: paragraphs, rows, commands, packages."""
    if name == "Makefile":
        text = re.sub(rf"^(?!({COMMANDS})\b)([a-z]+):.*  ## .*\n(\t.*\n)*\n?|^[A-Z]+ = .*tests/.*\n\n?", "", text, flags=re.M)
        return re.sub(r"^\.PHONY:.*", f".PHONY: help {COMMANDS.replace('|', ' ')}", text, flags=re.M)
    if name == "README.md":
        absent = rf"CONTRIBUTING\.md|teaching\.md|`?make (?!({COMMANDS})\b)[a-z]+|`tests/`"
        text = re.sub(rf"^\|.*({absent}).*\n", "", text, flags=re.M)
        return "\n\n".join(part for part in text.split("\n\n") if not re.search(absent, part))
    return text.partition("\n# The checks")[0] + "\n"


def without_answers(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without solutions, and with questions whose answers are gone."""
    nb.cells = [cell for cell in nb.cells if not has(cell, "solution")]
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"<details>\s*<summary>(.*?)</summary>.*?</details>", r"\1", cell.source, flags=re.S)
    return nb


def student() -> None:
    """Copy what git has of the course into build/student/, without solutions and answers; WITH_ANSWERS is packed."""
    known = files_of_the_course(new=False)
    with new_build("student") as copy:
        for path in known:
            name, source, goal = path.as_posix(), ROOT / path, copy / path
            if FOR_TEACHERS.match(name):
                continue
            goal.parent.mkdir(parents=True, exist_ok=True)
            if name == "README.md" or path.name in ("Makefile", "requirements.txt"):
                write(goal, for_students(path.name, source.read_text(encoding="utf-8")))
            elif WITH_ANSWERS.fullmatch(name):
                packed = base64.encodebytes(zlib.compress(source.read_bytes(), 9)).decode()
                write(goal, PACKED.format(packed) if path.suffix == ".py" else packed)
            elif path.suffix == ".ipynb":
                write(goal, as_text(without_answers(read(source))))
            else:
                shutil.copy2(source, goal)
    if left_out := sorted(map(str, set(files_of_the_course()) - set(known))):
        print(f"Not in the copy, since git does not have them: {', '.join(left_out)}.")
    print("The copy for students, without solutions and answers, is in build/student/.")


def key() -> None:
    """Run the notebooks with all exercises solved into build/key/; ends with a report where a check is not content."""
    print("Running the notebooks with all exercises solved, into build/key/:")
    problems = []
    with new_build("key") as folder:
        for path in notebooks():
            nb = execute(path, solved=True)
            normalise(nb)
            write(folder / path.name, as_text(nb))
            problems += [f"{path.name}: {cell.outputs[0].text if cell.outputs else cell.source}" for cell in nb.cells
                         if has(cell, "check") and not is_right(cell.outputs)]
    if problems:
        sys.exit("\n".join(["These checks do not say that the solution is right:", *problems]))
    print("The key, with every exercise solved and checked, is in build/key/.")


def pack() -> None:
    """Pack the course into build/3or7.zip, in a folder 3or7: the set-up cell unpacks it in Colab."""
    goal = ROOT / "build" / "3or7.zip"
    with writing(goal):
        goal.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(goal, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in files_of_the_course():
                if not name.as_posix().startswith("."):
                    packed.write(ROOT / name, f"3or7/{name.as_posix()}")
    print(f"The course is in build/3or7.zip, {goal.stat().st_size / 1e6:.0f} MB: upload it to Colab, beside the notebook.")


def publish(repo: str = "") -> None:
    """Write the course's public address into the set-up cells, and links to Colab into notebooks and README."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", repo):
        sys.exit(f"Name the GitHub repository as owner/name: make publish REPO=ada/digits (this was {repo!r}).")
    books = {path: read(path) for path in notebooks()}           # all, before the first is written: one may be damaged
    for path, nb in books.items():
        for cell in nb.cells:
            if has(cell, "setup"):
                cell.source = re.sub('^COURSE = ".*?"', f'COURSE = "https://github.com/{repo}"', cell.source, flags=re.M)
        write(path, as_text(nb))
    order()
    print(f"The course now says that it is published at https://github.com/{repo}.")


if __name__ == "__main__":
    command_line(__doc__, {"student": student, "key": key, "zip": pack, "publish": publish})
