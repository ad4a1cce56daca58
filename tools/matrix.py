"""Checks every notebook in fresh environments, and writes the table in tools/book/evidence.md; `make matrix` calls it:

python -m tools.matrix [tested oldest …]      default: all; rows that are not run stay as they are in the table

An environment is a Python with a set of packages, in build/matrix/. Each check is the strict one, `pytest --nbval notebooks`:
all outputs and pictures (those of another matplotlib than drew the committed ones, roughly: conftest.py says how). The tested
set is also run with one thread and two, and with each of the processor's vector units.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

from tools.notebooks import ROOT, build, write

TESTED = ["-r", "requirements.txt", "-c", "tools/constraints.txt"]
COLAB = ["torch==2.11.*", "torchvision==0.26.*", "fastai==2.8.8", "ipython==7.34.*", "ipykernel==6.17.*", "ipywidgets==7.7.*",
         "matplotlib==3.10.*"]                                          # as published in August 2026, as far as PyPI has them
# name: Python and what is installed; None: the Python that runs this
ENVIRONMENTS = {
    "tested": (None, TESTED),
    "tested, Python 3.10": ("3.10", TESTED),
    "tested, Python 3.12": ("3.12", TESTED),
    "tested, Python 3.13": ("3.13", TESTED),
    "oldest": ("3.10", ["--resolution", "lowest-direct", "-r", "requirements.txt"]),
    "newest": ("3.13", ["-r", "requirements.txt", "--upgrade"]),
    "Colab's": ("3.13", ["-r", "requirements.txt", *COLAB]),
}
SHOWN = ["torch", "torchvision", "fastai", "matplotlib"]               # packages whose versions stand in the table
COLUMNS = ["packages", "Python", *SHOWN, "threads", "vector unit", "outputs and pictures"]
ASK = f"""import importlib.metadata as found, platform, torch
versions = platform.python_version(), *(found.version(name) for name in {SHOWN})
print(*versions, torch.backends.cpu.get_cpu_capability(), sep="|")"""
UNITS = {"DEFAULT": "none", "AVX2": "AVX2", "AVX512": "AVX512"}        # as PyTorch names them: as this table does


def find_python(version: str | None) -> str | None:
    """A Python of a version such as 3.12: on the PATH, or one of pyenv's; None where there is none."""
    if version is None:
        return getattr(sys, "_base_executable", sys.executable)
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for candidate in [shutil.which(f"python{version}"), *sorted(versions.glob(f"{version}.*/bin/python"))]:
        if candidate and subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            return str(candidate)
    return None


def make_environment(name: str, python: str, packages: list[str]) -> Path:
    """Make build/matrix/NAME anew; its Python. Ends with a sentence where something cannot be installed."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not uv:
        sys.exit("uv is missing, which installs the packages: run  make matrix .")
    folder = build("matrix/" + re.sub(r"\W+", "_", name).strip("_"))
    own = folder / "bin" / "python"
    for command in ([uv, "venv", "--quiet", "--clear", "--python", python, folder],
                    [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", own, *packages]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            sys.exit(f"The environment {name!r} could not be installed: {done.stderr.strip()}")
    return own


def strict_check(python: Path, **settings: str) -> str:
    """Run the strict check with an environment's Python: what came out, in a few words."""
    env = {key: value for key, value in os.environ.items() if not re.match("JUPYTER|DIGITS$|MNIST_ROOT$|VIRTUAL_ENV", key)}
    env |= settings | {"PATH": f"{python.parent}{os.pathsep}{env.get('PATH', '')}"}
    done = subprocess.run([python, "-m", "pytest", "--nbval", "notebooks", "-q", "--tb=short", "-p", "no:cacheprovider"],
                          cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8")
    (python.parent.parent / "log.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    last = done.stdout.strip().rpartition("\n")[2]                       # such as "2 failed, 568 passed in 110.23s"
    found = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?)\b", last)}
    if done.returncode == 0:
        return f"all {found['passed']} cells equal"
    if set(found) <= {"passed", "failed"} and found:
        where = sorted({stem[:2] for stem in re.findall(r"^FAILED notebooks/(\w+)", done.stdout, re.M)})
        return f"{found['failed']} of {sum(found.values())} cells differ ({', '.join(where)})"
    return "does not run"


def check(name: str) -> list[list[str]]:
    """Make one environment and check it: its rows of the table."""
    version, packages = ENVIRONMENTS[name]
    python = find_python(version)
    if not python:
        print(f"{name}: there is no Python {version} here, so it is skipped.")
        return []
    print(f"{name}: installing ...", flush=True)
    own, rows = make_environment(name, python, packages), []
    asked = subprocess.run([own, "-c", ASK], capture_output=True, text=True, encoding="utf-8")
    if asked.returncode:
        sys.exit(f"The environment {name!r} lacks what the table shows: {asked.stderr.strip()}")
    *versions, best = asked.stdout.strip().split("|")
    variants = [(min(2, os.cpu_count() or 1), best)]
    if name == "tested":                                               # one thread and two, no vector unit to the best one
        known = list(UNITS)
        variants = list(product(sorted({1, variants[0][0]}), known[:known.index(best) + 1] if best in known else [best]))
    for threads, unit in variants:
        start = time.time()
        outcome = strict_check(own, OMP_NUM_THREADS=str(threads), ATEN_CPU_CAPABILITY=unit.lower())
        rows.append([name.split(",")[0], *versions, str(threads), UNITS.get(unit, unit), outcome])
        print(f"    {' | '.join(rows[-1])} | {time.time() - start:.0f} s", flush=True)
    shutil.rmtree(own.parent.parent / "lib")                           # gigabytes; the log stays
    return rows


def write_table(rows: list[list[str]]) -> None:
    """Put rows into the table of the page about evidence, in place of those for the same packages and Python."""
    page = ROOT / "tools" / "book" / "evidence.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition("<!-- matrix -->\n")
    table, end, after = rest.partition("<!-- /matrix -->")
    if not end:
        sys.exit("evidence.md has no <!-- matrix --> … <!-- /matrix --> to hold the table: nothing was changed.")
    old = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    renewed = {(row[0], row[1].rpartition(".")[0]) for row in rows}
    rows = rows + [row for row in old if (row[0], row[1].rpartition(".")[0]) not in renewed]
    order = [*(name.split(",")[0] for name in ENVIRONMENTS), *(row[0] for row in rows)]
    units = [*UNITS.values(), *(row[7] for row in rows)]
    rows.sort(key=lambda row: (order.index(row[0]), int(row[1].split(".")[1]), row[6], units.index(row[7])))
    lines = ["| " + " | ".join(row) + " |" for row in [COLUMNS, ["---"] * len(COLUMNS), *rows]]
    write(page, before + begin + "\n".join(lines) + "\n" + end + after)


def main(names: list[str]) -> None:
    unknown = set(names) - set(ENVIRONMENTS)
    if unknown:
        sys.exit(f"There is no environment {unknown.pop()!r}: choose from {', '.join(map(repr, ENVIRONMENTS))}.")
    outcomes = []
    for name in names or ENVIRONMENTS:
        rows = check(name)
        write_table(rows)
        outcomes += [row[-1] for row in rows]
    if not outcomes:
        sys.exit("Nothing was run: none of these Pythons is here.")
    if not all(outcome.startswith("all") for outcome in outcomes):
        sys.exit("Some outputs differ: build/matrix/*/log.txt says which.")
    print("Every output is the same everywhere. The table in tools/book/evidence.md is new.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
