"""Runs, refreshes and publishes the notebooks; the Makefile calls it:

python tools/notebooks.py run | refresh [01 02 …] | publish OWNER/NAME
"""
import os
import re
import sys
import time
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
    found = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    names = tuple(Path(name).stem for name in names)
    for name in names:
        if not any(path.stem.startswith(name) for path in found):
            sys.exit(f"There is no notebook {name}: the course has {', '.join(path.stem for path in found) or 'none'}.")
    return [path for path in found if not names or path.stem.startswith(names)]


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with new outputs, made by a new kernel in notebooks/; ends with a report where a cell fails."""
    print(f"{path.stem} ", end="", flush=True)
    start, at = time.time(), 0

    def remember(cell, cell_index):
        nonlocal at
        at = cell_index

    nb = nbformat.read(path, as_version=4)
    client = NotebookClient(nb, kernel_name="python3", timeout=None, record_timing=False, coalesce_streams=True,
                            on_cell_start=remember, extra_arguments=["--log-level=ERROR"],
                            resources={"metadata": {"path": str(NOTEBOOKS)}})
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
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


def normalise(nb: nbformat.NotebookNode) -> None:
    """Leave only what is the same in each run: no timings, versions, random widget ids or editors' keys."""
    nb.nbformat, nb.nbformat_minor, nb.metadata = 4, 5, nbformat.from_dict(METADATA)
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in cell.metadata if key in CELL_KEYS})
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                output.data[WIDGET]["model_id"] = ""      # JupyterLab hides it until the cell runs


def write(path: Path, text: str) -> None:
    """Write a whole file or nothing, and nothing when the text is there already."""
    if not path.exists() or path.read_text("utf8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".half")
        half.write_text(text, "utf8")
        half.replace(path)


def as_text(nb: nbformat.NotebookNode) -> str:
    return nbformat.writes(nb) + "\n"


def run() -> None:
    """Run all notebooks into build/ and print what their cells tagged `ladder` say."""
    print(f"Running the notebooks on the {os.environ.get('DIGITS') or 'bundled'} digits, into build/:")
    try:
        (ROOT / "build").mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(f"The folder build/ cannot be made here ({error.strerror}): run this in a copy that you may write to.")
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
    commands = {"run": run, "refresh": refresh, "publish": publish}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
