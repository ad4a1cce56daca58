"""Finds, reads, runs and refreshes the notebooks; the Makefile calls it:

python -m tools.notebooks run | refresh [06 relu_net …]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import nbclient.output_widget
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
SLIDER = "Here is something to move: run this cell."      # what is stored of sliders
CELL_KEYS = {"tags", "numbers", "reason", "jp-MarkdownHeadingCollapsed"}       # all else is some editor's, and goes
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
VERSION = "3.11.7"                                        # of the Python that is named in each notebook, whichever ran it


# ---------------------------------------------------------------- which there are

def slug(path: Path) -> str:
    """A notebook's name without its number: relu_net."""
    return re.sub(r"^\d+[a-z]?_", "", path.stem)


def notebooks(*names: str) -> list[Path]:
    """The course's notebooks in order, or those with one of these numbers, slugs or file names."""
    found = sorted(NOTEBOOKS.glob("*.ipynb"))                # digits come before letters: the glossary is last
    known = {name: path for path in found for name in (path.stem, path.stem.partition("_")[0], slug(path))}
    for name in names:
        if Path(name).stem not in known:
            sys.exit(f"There is no notebook {name}: the course has {', '.join(path.stem for path in found) or 'none'}.")
    return sorted({known[Path(name).stem] for name in names}) if names else found


def find(name: str) -> Path:
    """The notebook with this slug, number or file name; ends with a sentence where there is none."""
    return notebooks(name)[0]


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook; ends with a sentence where the file is damaged."""
    try:
        return nbformat.read(path, as_version=4)
    except ValueError:
        sys.exit(f"{path.name} is damaged, it cannot be read: run  git checkout notebooks  for the last good one.")


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


def files_of_the_course(new: bool = True) -> list[Path]:
    """The files that git has of the course, or would take when `new`, as paths from its root; without git all but those
    that are hidden or made here."""
    command = ["git", "ls-files", "-z", "-c", *["-o", "--exclude-standard"] * new]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True).stdout.decode() if shutil.which("git") else ""
    if listed:
        found = map(Path, listed.split("\0")[:-1])
    else:
        found = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*"))
                 if not re.search(r"/(\..*|build|full|__pycache__)(/|$)", path.as_posix().removeprefix(ROOT.as_posix())))
    return [path for path in found if (ROOT / path).is_file()]


# ---------------------------------------------------------------- running them

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
    """The notebook, with its exercises `solved` or as it is, and new outputs of a new kernel; ends with a report where a cell
    fails."""
    print(f"{path.stem} ", end="", flush=True)
    start, begun, nb = time.time(), [], read(path)
    for cell, solution in exercises_of(nb) if solved else ():
        cell.source = solution
    client = new_client(nb, path.parent, timeout=None, on_cell_start=lambda cell, cell_index: begun.append(cell))
    try:
        client.execute()
    except Exception as error:
        if hasattr(client, "_async_cleanup_kernel_future"):       # nbclient's handler has taken Ctrl-C: what follows varies
            raise KeyboardInterrupt from None
        if not isinstance(error, (CellExecutionError, DeadKernelError)):
            raise
        died = "the kernel died; was there memory enough?"
        cause = died if isinstance(error, DeadKernelError) else f"{error.ename}: {error.evalue}"
        sys.exit(f"failed after {time.time() - start:.0f} s\n\n{path.name}, this cell failed:\n\n"
                 f"{textwrap.indent(begun[-1].source, '    ')}\n\n{cause}")
    print(f"{time.time() - start:.0f} s", flush=True)
    return nb


def normalise(nb: nbformat.NotebookNode) -> None:
    """Leave only what is the same in each run: no timings, versions, random widget ids or editors' keys."""
    def only(part, keys) -> dict:
        return {key: value for key, value in part.metadata.items() if key in keys}

    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = nbformat.from_dict(only(nb, {"course", "language_info"}) | {"kernelspec": KERNEL})
    nb.metadata.language_info.version = VERSION
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict(only(cell, CELL_KEYS))
        for output in cell.get("outputs", []):
            if output.get("data", {}).get("text/plain", "").startswith("interactive("):
                output.data = nbformat.from_dict({"text/plain": SLIDER})
            elif WIDGET in output.get("data", {}):
                output.data[WIDGET]["model_id"] = ""      # JupyterLab hides it until the cell runs


def run() -> None:
    """Run all notebooks into build/ and print what their cells tagged `ladder` say."""
    print(f"Running the notebooks on the {os.environ.get('DIGITS') or 'bundled'} digits, into build/:")
    ladder = []
    for path in notebooks():
        nb = execute(path)
        write(ROOT / "build" / path.name, as_text(nb))
        ladder += [output for cell in nb.cells if has(cell, "ladder") for output in cell.outputs]
    for output in ladder:
        if "image/png" not in output.get("data", {}):
            print("\n" + (output.get("text") or output.data["text/plain"]).rstrip())


def refresh(*names: str) -> None:
    """Make the committed outputs anew, from the bundled digits; a notebook is written only when all its cells ran."""
    from tools.order import order
    if os.environ.pop("DIGITS", "bundled") not in ("", "bundled"):
        sys.exit("The committed outputs come from the bundled digits: unset DIGITS, then refresh.")
    os.environ.pop("MNIST_ROOT", None)
    chosen = [slug(path) for path in notebooks(*names)]
    order()
    for path in map(find, chosen):
        nb = execute(path)
        normalise(nb)
        write(path, as_text(nb))


# ---------------------------------------------------------------- writing

@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Ends with a sentence where what is done to a file or folder fails."""
    try:
        yield
    except OSError as error:
        sys.exit(f"{path} cannot be written ({error.strerror or error}): make room, or use a copy of the course that you may "
                 "write to, and try again.")


def write(path: Path, text: str) -> None:
    """Write a whole file or nothing; ends with a sentence where that fails."""
    half = path.with_name(f"{path.name}.{os.getpid()}.half")       # another process may be writing the same file
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            half.write_text(text, encoding="utf-8", newline="\n")
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)


def as_text(nb: nbformat.NotebookNode) -> str:
    return nbformat.writes(nb) + "\n"


@contextmanager
def new_build(name: str) -> Iterator[Path]:
    """A folder to fill, which then takes the place of build/NAME; where that fails, it goes and build/NAME stays."""
    done = ROOT / "build" / name
    with writing(done):
        done.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=done.parent) as folder:
            half = Path(folder, name)
            half.mkdir()
            yield half
            if done.exists():
                shutil.rmtree(done)
            half.rename(done)


def command_line(usage: str, commands: dict[str, Callable]) -> None:
    """Call the command that the first argument names, with the others; ends with the usage where there is none."""
    name, *arguments = sys.argv[1:] or [""]
    if name not in commands:
        sys.exit(usage)
    try:
        commands[name](*arguments)
    except KeyboardInterrupt:
        sys.exit("\nStopped.")


if __name__ == "__main__":
    command_line(__doc__, {"run": run, "refresh": refresh})
