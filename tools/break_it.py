"""Breaks the course on purpose, in one place at a time, and says whether the tests notice.

break_it.txt lists the faults, three lines each: `name | file | tests`, `- what stands there`, `+ what it becomes`. The course
is copied, the fault put into the copy, and the tests run that should see it: python -m tools.break_it [a word in their names]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.notebooks import ROOT, files_of_the_course, find


def copy_of_the_course(folder: Path) -> None:
    """What git tracks, and what it would track, as it is now."""
    for name in files_of_the_course():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def tried(fault: tuple[str, str, str, str, str]) -> str:
    """What the tests say first of a fault, a line of the table; "" when they do not notice it."""
    name, place, words, old, new = fault
    file = find(Path(place).name) if place.startswith("notebooks/") else ROOT / place
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{name}: {old!r} does not stand in {place}; mend the table.")
    tests = [test if (test := ROOT / "tests" / f"test_{word}.py").exists() else find(word) for word in words.split()]
    with tempfile.TemporaryDirectory(prefix="broken-", ignore_cleanup_errors=True) as broken:
        folder = Path(broken)
        copy_of_the_course(folder)
        subprocess.run("git init -q . && git add -A", shell=True, cwd=folder, check=True)
        (folder / file.relative_to(ROOT)).write_text(text.replace(old, new, 1), encoding="utf-8")
        run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist",
                              "--nbval", *(test.relative_to(ROOT) for test in tests)], cwd=folder, capture_output=True,
                             text=True, encoding="utf-8", env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)})
    said = re.findall("^(?:FAILED|ERROR).*", run.stdout, re.M) or run.stdout.splitlines()[-1:] or ["?"]
    return said[0][:110] if run.returncode else ""


def main() -> int:
    """Try all faults, print a line for each; the exit status is 1 when one escapes."""
    table = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    faults = re.findall(r"(.*) \| (.*) \| (.*)\n- (.*)\n\+ (.*)", table)
    chosen, caught = [fault for fault in faults if " ".join(sys.argv[1:]) in fault[0]], 0
    with ThreadPoolExecutor(2) as pool:
        for fault, said in zip(chosen, pool.map(tried, chosen)):
            caught += bool(said)
            print(f"{'caught ' if said else 'ESCAPED'}  {fault[0]:48}  {said}", flush=True)
    print(f"{caught} of {len(chosen)} faults were caught.")
    return int(caught < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
