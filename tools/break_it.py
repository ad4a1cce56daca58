"""Breaks the course on purpose, in one place at a time, and says whether the tests notice.

break_it.txt lists them, three lines each: `name | file | tests`, `- what stands there`, `+ what it becomes`. The course is
copied, the fault put into the copy, and the tests run that should see it: python -m tools.break_it [a word in their names]
"""
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.notebooks import ROOT, files_of_the_course, find


class Fault(NamedTuple):
    """In `file`, the first `old` becomes `new` (`byte 5000`: this byte changes); `tests` name test files and notebooks."""
    name: str
    file: str
    tests: str
    old: str
    new: str


def faults() -> list[Fault]:
    """The table in break_it.txt."""
    lines = [line for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines() if line]
    return [Fault(*(part.strip() for part in head.split(" | ")), old[2:], new[2:])
            for head, old, new in zip(lines[::3], lines[1::3], lines[2::3])]


def path_of(name: str) -> str:
    """Where a notebook lies, as written in the table: "notebooks/relu_net" is notebooks/06_relu_net.ipynb."""
    return f"notebooks/{find(Path(name).name).name}" if name.startswith("notebooks/") and "." not in name else name


def copy_of_the_course(folder: Path) -> None:
    """What git tracks, and what it would track, as it is now."""
    for name in files_of_the_course():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def put(fault: Fault, folder: Path) -> None:
    """Put a fault into a copy; ValueError when the text that it changes is not there."""
    file = folder / path_of(fault.file)
    data, old, new = bytearray(file.read_bytes()), fault.old.encode("utf-8"), fault.new.encode("utf-8")
    if fault.old.startswith("byte "):
        data[int(fault.old.split()[1])] ^= 1
        old = new = b""
    if old not in data:
        raise ValueError(f"{fault.name}: {fault.old!r} does not stand in {fault.file}; mend the table.")
    file.write_bytes(data.replace(old, new, 1))


def tried(fault: Fault) -> tuple[bool, str]:
    """Whether the tests notice a fault, and the first thing that they say."""
    with tempfile.TemporaryDirectory(prefix="broken-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        copy_of_the_course(folder)
        subprocess.run("git init -q . && git add -A", shell=True, cwd=folder, check=True)
        put(fault, folder)
        tests = [f"tests/test_{word}.py" if (ROOT / f"tests/test_{word}.py").exists() else path_of(f"notebooks/{word}")
                 for word in fault.tests.split()]
        run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist",
                              "--nbval", *tests], cwd=folder, capture_output=True, text=True, encoding="utf-8",
                             errors="replace", env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)})
    said = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return run.returncode != 0, (said or run.stdout.splitlines()[-1:] or [""])[0][:110]


def main() -> int:
    """Try all faults, print a line for each; the exit status is 1 when one escapes."""
    chosen, caught = [fault for fault in faults() if " ".join(sys.argv[1:]) in fault.name], 0
    with ThreadPoolExecutor(2) as pool:
        for fault, (seen, said) in zip(chosen, pool.map(tried, chosen)):
            caught += seen
            print(f"{'caught ' if seen else 'ESCAPED'}  {fault.name:48}  {said}", flush=True)
    print(f"{caught} of {len(chosen)} faults were caught.")
    return int(caught < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
