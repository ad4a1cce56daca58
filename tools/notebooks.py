"""Runs, refreshes and publishes the notebooks, and makes copies for a class; the Makefile calls it:

python tools/notebooks.py run | refresh [01 02 …] | publish OWNER/NAME | student | key
"""
import base64
import inspect
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import nbclient.output_widget
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_KEYS = {"tags", "numbers", "reason", "jp-MarkdownHeadingCollapsed"}       # all else is some editor's, and goes
MADE_HERE = {"build", "full", "__pycache__"}     # no part of the course
METADATA = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"codemirror_mode": {"name": "ipython", "version": 3}, "file_extension": ".py",    # all that
                              "mimetype": "text/x-python", "name": "python", "nbconvert_exporter": "python",   # JupyterLab
                              "pygments_lexer": "ipython3", "version": "3.11.7"}}                              # would add


def notebooks(*names: str) -> list[Path]:
    """The course's notebooks in order, or those whose file names begin with one of `names`."""
    found = sorted(NOTEBOOKS.glob("*.ipynb"))                # digits come before letters: the glossary is last
    names = tuple(Path(name).stem for name in names)
    for name in names:
        if not any(path.stem.startswith(name) for path in found):
            sys.exit(f"There is no notebook {name}: the course has {', '.join(path.stem for path in found) or 'none'}.")
    return [path for path in found if not names or path.stem.startswith(names)]


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook; ends with a sentence where the file is damaged."""
    try:
        return nbformat.read(path, as_version=4)
    except ValueError:
        sys.exit(f"{path.name} is damaged, it cannot be read as a notebook: run  git checkout notebooks  for the last good "
                 "one.")


def files_of_the_course(new: bool = True) -> list[Path]:
    """The files that git has of the course, or would take when `new`; without git all but hidden ones and MADE_HERE.

    Paths from the course's root.
    """
    found = []
    if shutil.which("git"):
        listed = subprocess.run(["git", "ls-files", "-z", "-c", *["-o", "--exclude-standard"] * new], cwd=ROOT,
                                capture_output=True, text=True, encoding="utf-8").stdout
        found = [Path(name) for name in listed.split("\0") if name]
    if not found:
        found = [path.relative_to(ROOT) for path in sorted(ROOT.rglob("*"))]
        found = [path for path in found if not any(part in MADE_HERE or part.startswith(".") or part.endswith(".half")
                                                   for part in path.parts)]
    return [path for path in found if (ROOT / path).is_file()]


class OutputWidget(nbclient.output_widget.OutputWidget):
    """A slider's output that is not sent back to the kernel. Sending can swallow the kernel's reply to the cell (nbclient's
    issue 312); then the next one is waited for in vain."""
    def sync_state(self) -> None:
        pass


def new_client(nb: nbformat.NotebookNode, folder: Path = NOTEBOOKS, **options) -> NotebookClient:
    """What runs a notebook in a kernel of its own that starts in `folder`; options: nbclient's."""
    client = NotebookClient(nb, kernel_name="python3", record_timing=False, coalesce_streams=True,
                            extra_arguments=["--log-level=CRITICAL"], resources={"metadata": {"path": str(folder)}}, **options)
    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = OutputWidget
    return client


def execute(path: Path, solved: bool = False) -> nbformat.NotebookNode:
    """The notebook with new outputs, made by a new kernel in notebooks/; ends with a report where a cell fails.

    solved: put each exercise's solution into its cell first.
    """
    print(f"{path.stem} ", end="", flush=True)
    start, at = time.time(), 0

    def remember(cell, cell_index):
        nonlocal at
        at = cell_index

    nb = read(path)
    for cell, solution in exercises_of(nb) if solved else ():
        cell.source = solution
    client = new_client(nb, timeout=None, on_cell_start=remember)
    try:
        client.execute()
    except Exception as error:
        if hasattr(client, "_async_cleanup_kernel_future"):       # nbclient's handler has taken Ctrl-C: what follows varies
            raise KeyboardInterrupt from None
        if not isinstance(error, (CellExecutionError, DeadKernelError)):
            raise
        source = nb.cells[at].source.splitlines()
        number = sum(cell.cell_type == "code" for cell in nb.cells[:at + 1])
        if isinstance(error, DeadKernelError):
            cause = "the kernel died; was there memory enough?"
        else:
            cause = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip().splitlines()[-1]
        sys.exit("\n".join([f"failed after {time.time() - start:.0f} s", "",
                            f"{path.name}, cell {at + 1} (code cell {number}) failed:", "",
                            *("    " + line for line in source[:8] + ["…"] * (len(source) > 8)), "", cause]))
    print(f"{time.time() - start:.0f} s", flush=True)
    return nb


def has(cell: nbformat.NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def exercises_of(nb: nbformat.NotebookNode) -> list[tuple[nbformat.NotebookNode, str]]:
    """Each cell tagged `exercise`, and the code in the next cell tagged `solution`, which fills it in."""
    found = []
    for cell in nb.cells:
        if has(cell, "exercise"):
            found.append((cell, ""))
        elif has(cell, "solution") and found and not found[-1][1]:
            found[-1] = found[-1][0], re.search(r"```python\n(.*?)\n```", cell.source, re.S)[1]
    return found


def is_right(outputs: list[nbformat.NotebookNode]) -> bool:
    """Whether these are the outputs of a check that finds an answer right."""
    return bool(outputs) and bool(re.match(r"[\w ]+: right\.", outputs[0].get("text", "")))


def normalise(nb: nbformat.NotebookNode) -> None:
    """Leave only what is the same in each run: no timings, versions, random widget ids or editors' keys."""
    nb.nbformat, nb.nbformat_minor, nb.metadata = 4, 5, nbformat.from_dict(METADATA)
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in cell.metadata if key in CELL_KEYS})
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                output.data[WIDGET]["model_id"] = ""      # JupyterLab hides it until the cell runs


def write(path: Path, text: str) -> None:
    """Write a whole file or nothing, and nothing when the text is there already; ends with a sentence where that fails."""
    path = path.resolve()                          # a symbolic link stays one
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    half = path.with_name(f"{path.name}.{os.getpid()}.half")       # another process may be writing the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(text, encoding="utf-8")
        if path.exists():
            shutil.copymode(path, half)
        half.replace(path)
    except OSError as error:
        sys.exit(f"{path} cannot be written ({error.strerror}), it is as it was: make room, or use a copy of the course "
                 "that you may write to, and try again.")
    finally:
        half.unlink(missing_ok=True)


def as_text(nb: nbformat.NotebookNode) -> str:
    return nbformat.writes(nb) + "\n"


def build(name: str = "") -> Path:
    """The folder build/, or an empty one in it; ends with a sentence where nothing can be written."""
    folder = ROOT / "build" / name
    try:
        if name and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{folder} cannot be made ({error.strerror}): run this in a copy of the course that you may write to.")
    return folder


@contextmanager
def new_build(name: str) -> Iterator[Path]:
    """A folder to fill, which then takes the place of build/NAME; where that fails, it goes and build/NAME stays."""
    done, half = ROOT / "build" / name, build(f"{name}.{os.getpid()}.half")
    try:
        yield half
        if done.exists():
            shutil.rmtree(done)
        half.rename(done)
    except OSError as error:
        sys.exit(f"{done} cannot be written ({error.strerror or error}): make room, or use a copy of the course that you may "
                 "write to, and try again.")
    finally:
        shutil.rmtree(half, ignore_errors=True)


def run() -> None:
    """Run all notebooks into build/ and print what their cells tagged `ladder` say."""
    print(f"Running the notebooks on the {os.environ.get('DIGITS') or 'bundled'} digits, into build/:")
    build()
    ladder = []
    for path in notebooks():
        nb = execute(path)
        write(ROOT / "build" / path.name, as_text(nb))
        ladder += [cell for cell in nb.cells if "ladder" in cell.metadata.get("tags", [])]
    for cell in ladder:
        for output in cell.outputs:
            if "image/png" not in output.get("data", {}):
                print("\n" + (output.get("text") or output.data["text/plain"]).rstrip())


def refresh(*names: str) -> None:
    """Make the committed outputs anew, from the bundled digits; a notebook is written only when all its cells ran."""
    if os.environ.pop("DIGITS", "bundled") not in ("", "bundled"):
        sys.exit("The committed outputs come from the bundled digits: unset DIGITS, then refresh.")
    os.environ.pop("MNIST_ROOT", None)
    for path in notebooks(*names):
        nb = execute(path)
        normalise(nb)
        write(path, as_text(nb))


FOR_TEACHERS = ("tests", "conftest.py", "pyproject.toml", "CONTRIBUTING.md", "TEACHING.md")
NOT_FOR_STUDENTS = r"(test|student|key|browser|matrix|publish)\b"       # what make does with those
WITH_ANSWERS = ("museum.py", "checks/*.py")
PACKED = '''"""The checks of the course, packed so that nobody reads an answer by accident."""
import base64
import zlib

exec(zlib.decompress(base64.b64decode("""
{}""")))
'''


def for_students(name: str, text: str) -> str:
    """The README without lines about what students do not have, or the Makefile without its commands."""
    if name == "README.md":
        absent = rf"CONTRIBUTING\.md|TEACHING\.md|make {NOT_FOR_STUDENTS}|`tests/`"
    else:
        text = re.sub(rf"^{NOT_FOR_STUDENTS}:.*\n(\t.*\n)*\n?", "", text, flags=re.M)
        text = re.sub(r"^\.PHONY:.*", lambda line: re.sub(rf" {NOT_FOR_STUDENTS}", "", line[0]), text, flags=re.M)
        absent = rf'echo "make {NOT_FOR_STUDENTS}'
    return "".join(line for line in text.splitlines(keepends=True) if not re.search(absent, line))


def student() -> None:
    """Copy the course into build/student/, without the solutions and without the answers to the questions.

    Where there is git, only what it has: a teacher's own files stay here. The files of WITH_ANSWERS have to know the
    answers; they are packed.
    """
    known = files_of_the_course(new=False)
    with new_build("student") as copy:
        for name in known:
            if name.parts[0] in FOR_TEACHERS or name.parts[0].startswith("."):
                continue
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            if str(name) in ("README.md", "Makefile"):
                write(copy / name, for_students(str(name), (ROOT / name).read_text(encoding="utf-8")))
            elif any(name.match(pattern) for pattern in WITH_ANSWERS):
                text = base64.encodebytes(zlib.compress((ROOT / name).read_bytes(), 9)).decode()
                write(copy / name, PACKED.format(text))
            elif name.suffix == ".ipynb":
                write(copy / name, as_text(without_answers(read(ROOT / name))))
            else:
                shutil.copy2(ROOT / name, copy / name)
    left_out = sorted(map(str, set(files_of_the_course()) - set(known)))
    if left_out:
        print(f"Not in the copy, since git does not have them: {', '.join(left_out)}.")
    print("The copy for students, without solutions and answers, is in build/student/.")


def without_answers(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without solutions, and with questions whose answers are gone."""
    nb.cells = [cell for cell in nb.cells if not has(cell, "solution")]
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"<details>\s*<summary>(.*?)</summary>.*?</details>", r"\1", cell.source, flags=re.S)
    return nb


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


def publish(repo: str = "") -> None:
    """Write the course's public address into the set-up cells, and links to Colab into notebooks and README."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", repo):
        sys.exit(f"Name the GitHub repository as owner/name: make publish REPO=ada/digits (this was {repo!r}).")
    address, texts, links = f"https://github.com/{repo}", {}, []
    for path in notebooks():
        nb = read(path)
        title = nb.cells[0]
        setup = next((cell for cell in nb.cells if "setup" in cell.metadata.get("tags", [])), title)
        setup.source, stamped = re.subn(r'^COURSE = ".*?"', f'COURSE = "{address}"', setup.source, flags=re.M)
        if not stamped:
            sys.exit(f'{path.name} has no set-up cell with a line COURSE = "": nothing was changed.')
        link = f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{path.name}"
        title.source = re.sub(r"\s*\[Open in Colab\]\(\S*\)\s*$", "", title.source) + f"\n\n[Open in Colab]({link})"
        links.append(f"- [{title.source.splitlines()[0].lstrip('# ')}]({link})\n")
        texts[path] = as_text(nb)
    readme = ROOT / "README.md"
    texts[readme], marked = re.subn(r"(<!-- colab -->\n).*?(<!-- /colab -->)", lambda m: m[1] + "".join(links) + m[2],
                                    readme.read_text(encoding="utf-8") if readme.exists() else "", flags=re.S)
    if not marked:
        sys.exit("README.md has no <!-- colab --> … <!-- /colab --> to hold the links: nothing was changed.")
    for path, text in texts.items():
        write(path, text)
    print(f"The course now says that it is published at {address}.")


if __name__ == "__main__":
    commands = {"run": run, "refresh": refresh, "publish": publish, "student": student, "key": key}
    command, arguments = commands.get("".join(sys.argv[1:2])), sys.argv[2:]
    try:
        inspect.signature(command).bind(*arguments)
    except TypeError:                              # no such command, or too many arguments for it
        sys.exit(__doc__)
    try:
        command(*arguments)
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
