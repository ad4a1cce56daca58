"""Breaks the course on purpose, in one place at a time, and says whether the tests notice.

break_it.txt lists them, three lines each: `name | file | tests`, `- what stands there`, `+ what it becomes`. The course is
copied, the fault put into the copy, and the tests run that should see it: python -m tools.break_it [a word in their names]
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.notebooks import ROOT


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


def path_of(slug: str) -> str:
    """Where a notebook lies, as written in the table: "notebooks/relu_net" is notebooks/06_relu_net.ipynb."""
    folder, _, name = slug.rpartition("/")
    found = sorted((ROOT / folder).glob(f"*{name}.ipynb")) if folder == "notebooks" else []
    return found[0].relative_to(ROOT).as_posix() if found else slug


def copy_of_the_course(folder: Path) -> None:
    """What git tracks, and what it would track, as it is now."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in names.stdout.decode("utf-8").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def put(fault: Fault, folder: Path) -> None:
    """Put a fault into a copy; ValueError when the text that it changes is not there."""
    file = folder / path_of(fault.file)
    data, old = file.read_bytes(), fault.old.encode("utf-8")
    if fault.old.startswith("byte "):
        at = int(fault.old.split()[1])
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        return
    if old not in data:
        raise ValueError(f"{fault.name}: {fault.old!r} does not stand in {fault.file}; mend the table.")
    file.write_bytes(data.replace(old, fault.new.encode("utf-8"), 1))


def tried(fault: Fault) -> tuple[bool, str]:
    """Whether the tests notice a fault, and the first thing that they say."""
    with tempfile.TemporaryDirectory(prefix="broken-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        copy_of_the_course(folder)
        subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
        subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="?", default="", help="a word in the names of the faults to try")
    chosen = [fault for fault in faults() if parser.parse_args().only in fault.name]
    caught = 0
    with ThreadPoolExecutor(2) as pool:
        for fault, (seen, said) in zip(chosen, pool.map(tried, chosen)):
            caught += seen
            print(f"{'caught ' if seen else 'ESCAPED'}  {fault.name:48}  {said}", flush=True)
    print(f"{caught} of {len(chosen)} faults were caught.")
    return int(caught < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
