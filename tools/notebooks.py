"""Runs, refreshes and publishes the notebooks, and makes copies for a class; the Makefile calls it:

python tools/notebooks.py run | refresh [01 02 …] | publish OWNER/NAME | student | key
"""
import base64
import os
import re
import shutil
import sys
import time
import zlib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_KEYS = {"tags", "numbers", "reason"}        # all other metadata of a cell is some editor's, and goes
METADATA = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}


def notebooks(*names: str) -> list[Path]:
    """The course's notebooks in order, or those whose file names begin with one of `names`."""
    found = sorted(NOTEBOOKS.glob("*.ipynb"))                # digits come before letters: the glossary is last
    names = tuple(Path(name).stem for name in names)
    for name in names:
        if not any(path.stem.startswith(name) for path in found):
            sys.exit(f"There is no notebook {name}: the course has {', '.join(path.stem for path in found) or 'none'}.")
    return [path for path in found if not names or path.stem.startswith(names)]


def execute(path: Path, solved: bool = False) -> nbformat.NotebookNode:
    """The notebook with new outputs, made by a new kernel in notebooks/; ends with a report where a cell fails.

    solved: put each exercise's solution into its cell first.
    """
    print(f"{path.stem} ", end="", flush=True)
    start, at = time.time(), 0

    def remember(cell, cell_index):
        nonlocal at
        at = cell_index

    nb = nbformat.read(path, as_version=4)
    for cell, solution in exercises_of(nb) if solved else ():
        cell.source = solution
    client = NotebookClient(nb, kernel_name="python3", timeout=None, record_timing=False, coalesce_streams=True,
                            on_cell_start=remember, extra_arguments=["--log-level=CRITICAL"],
                            resources={"metadata": {"path": str(NOTEBOOKS)}})
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
    if path.exists() and path.read_text("utf8") == text:
        return
    half = path.with_name(f"{path.name}.{os.getpid()}.half")       # another process may be writing the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(text, "utf8")
        half.replace(path)
    except OSError as error:
        sys.exit(f"{path} cannot be written ({error.strerror}), it is as it was: make room, or use a copy of the course "
                 "that you may write to, and try again.")
    finally:
        half.unlink(missing_ok=True)


def as_text(nb: nbformat.NotebookNode) -> str:
    return nbformat.writes(nb) + "\n"


def build(name: str = "") -> Path:
    """The folder build/, or a new one in it; ends with a sentence where nothing can be written."""
    folder = ROOT / "build" / name
    try:
        if name:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"The folder build/ cannot be made here ({error.strerror}): run this in a copy that you may write to.")
    return folder


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


FOR_TEACHERS = {"tests", "conftest.py", "pyproject.toml", "CONTRIBUTING.md", "TEACHING.md", "build", "full", "__pycache__"}
WITH_ANSWERS = ("museum.py", "checks/*.py")
PACKED = '''"""The checks of the course, packed so that nobody reads an answer by accident."""
import base64
import zlib

exec(zlib.decompress(base64.b64decode("""
{}""")))
'''


def student() -> None:
    """Copy the course into build/student/, without the solutions and without the answers to the questions.

    The files of WITH_ANSWERS have to know them; they are packed.
    """
    half, done = build("student.half"), ROOT / "build" / "student"
    for source in sorted(ROOT.iterdir()):
        if source.name in FOR_TEACHERS or source.name.startswith("."):
            continue
        if source.is_dir():
            shutil.copytree(source, half / source.name, ignore=lambda _, names: [
                name for name in names if name in FOR_TEACHERS or name.startswith(".") or name.endswith(".half")])
        elif source.name == "README.md":
            lines = source.read_text("utf8").splitlines(keepends=True)
            absent = r"CONTRIBUTING\.md|TEACHING\.md|make (test|student|key|browser|matrix)\b|`tests/`"
            write(half / source.name, "".join(line for line in lines if not re.search(absent, line)))
        else:
            shutil.copy2(source, half)
    for source in [source for pattern in WITH_ANSWERS for source in ROOT.glob(pattern)]:
        text = base64.encodebytes(zlib.compress(source.read_bytes(), 9)).decode()
        write(half / source.relative_to(ROOT), PACKED.format(text))
    for path in notebooks():
        nb = nbformat.read(path, as_version=4)
        nb.cells = [cell for cell in nb.cells if not has(cell, "solution")]
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"<details>\s*<summary>(.*?)</summary>.*?</details>", r"\1", cell.source, flags=re.S)
        write(half / "notebooks" / path.name, as_text(nb))
    shutil.rmtree(done, ignore_errors=True)
    half.rename(done)
    print("The copy for students, without solutions and answers, is in build/student/.")


def key() -> None:
    """Run the notebooks with all exercises solved into build/key/; ends with a report where a check is not content."""
    print("Running the notebooks with all exercises solved, into build/key/:")
    folder, problems = build("key"), []
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
        nb = nbformat.read(path, as_version=4)
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
                                    readme.read_text("utf8") if readme.exists() else "", flags=re.S)
    if not marked:
        sys.exit("README.md has no <!-- colab --> … <!-- /colab --> to hold the links: nothing was changed.")
    for path, text in texts.items():
        write(path, text)
    print(f"The course now says that it is published at {address}.")


if __name__ == "__main__":
    commands = {"run": run, "refresh": refresh, "publish": publish, "student": student, "key": key}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
