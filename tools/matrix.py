"""Checks every notebook in fresh environments, and writes the table in tools/book/evidence.md: python -m tools.matrix [name …]

Default: all; rows that are not run stay. uv finds the Pythons (pyenv's with PYENV_VERSION=3.10:3.11:3.12:3.13). Each check is
`pytest --nbval notebooks`: all outputs and pictures (conftest.py says how those of another matplotlib). The tested set is also
run with one thread and two, and with each of the processor's vector units.
"""
import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

from tools.notebooks import ROOT, build, write

TESTED = ["-r", "requirements.txt", "-c", "tools/constraints.txt"]
COLAB = ["torch==2.11.*", "torchvision==0.26.*", "fastai==2.8.8", "ipython==7.34.*", "ipykernel==6.17.*", "ipywidgets==7.7.*",
         "matplotlib==3.10.*"]                                          # as published in August 2026, as far as PyPI has them
ENVIRONMENTS = {                                                        # name: Python and what is installed
    "tested": ("3.11", TESTED), "tested, Python 3.10": ("3.10", TESTED), "tested, Python 3.12": ("3.12", TESTED),
    "tested, Python 3.13": ("3.13", TESTED),
    "oldest": ("3.10", ["--resolution", "lowest-direct", "-r", "requirements.txt"]),
    "newest": ("3.13", ["-r", "requirements.txt", "--upgrade"]),
    "Colab's": ("3.13", ["-r", "requirements.txt", *COLAB])}
SHOWN = ["torch", "torchvision", "fastai", "matplotlib"]               # packages whose versions stand in the table
ASK = f"""import importlib.metadata as found, platform, torch
versions = platform.python_version(), *(found.version(name) for name in {SHOWN})
print(*versions, torch.backends.cpu.get_cpu_capability(), sep="|")"""
UNITS = {"DEFAULT": "none", "AVX2": "AVX2", "AVX512": "AVX512"}        # as PyTorch names them: as the table does


def said(*command, **env: str) -> tuple[int, str]:
    """Run a command in the course's folder: its exit status, and what it prints."""
    kept = {key: value for key, value in os.environ.items() if not re.match("JUPYTER|DIGITS$|MNIST_ROOT$|VIRTUAL_ENV", key)}
    done = subprocess.run(command, cwd=ROOT, env=kept | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          encoding="utf-8")
    return done.returncode, done.stdout.strip()


def strict_check(python: Path, threads: int, unit: str) -> str:
    """Run the strict check with an environment's Python: what came out, in a few words."""
    status, text = said(python, "-m", "pytest", "--nbval", "notebooks", "-q", "--tb=short", "-p", "no:cacheprovider",
                        OMP_NUM_THREADS=str(threads), ATEN_CPU_CAPABILITY=unit.lower(),
                        PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    write(python.parent.parent / "log.txt", text)
    found = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", text.rpartition("\n")[2])}
    if status == 0:
        return f"all {found['passed']} cells equal"
    if not found or "error" in found:
        return "does not run"
    where = sorted(set(re.findall(r"^FAILED notebooks/(\d*)", text, re.M)))
    return f"{found['failed']} of {sum(found.values())} cells differ ({', '.join(where)})"


def check(name: str) -> list[list[str]]:
    """Make one environment in build/matrix/NAME and check it: its rows of the table; none where its Python is not here."""
    (version, packages), rows = ENVIRONMENTS[name], []
    folder = build("matrix/" + re.sub(r"\W+", "_", name).strip("_"))
    uv, python = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    if said(uv, "venv", "--clear", "--no-python-downloads", "--python", version, folder)[0]:
        print(f"{name}: there is no Python {version} here, so it is skipped.")
        return []
    print(f"{name}: installing ...", flush=True)
    for command in ([uv, "pip", "install", "--compile-bytecode", "--python", python, *packages], [python, "-c", ASK]):
        status, text = said(*command)
        if status:
            sys.exit(f"The environment {name!r} could not be installed: {text}")
    *versions, best = text.splitlines()[-1].split("|")
    variants = [(2, best)]
    if name == "tested":                                               # one thread and two, no vector unit to the best one
        variants = list(product((1, 2), list(UNITS)[:list(UNITS).index(best) + 1] if best in UNITS else [best]))
    for threads, unit in variants:
        outcome = strict_check(python, threads, unit)
        rows.append([name.split(",")[0], *versions, str(threads), UNITS.get(unit, unit), outcome])
        print(f"    {' | '.join(rows[-1])}", flush=True)
    shutil.rmtree(folder / "lib")                                      # gigabytes; the log stays
    return rows


def write_table(rows: list[list[str]]) -> None:
    """Put rows into the table of the page about evidence, in place of those for the same packages and Python."""
    page, kinds = ROOT / "tools" / "book" / "evidence.md", [name.split(",")[0] for name in ENVIRONMENTS]
    text = page.read_text(encoding="utf-8")
    before, head, table, after = re.split(r"(?<=<!-- matrix -->\n)((?:\|.*\n){2})((?:\|.*\n)*)", text)
    of = {(row[0], row[1].rpartition(".")[0]) for row in rows}
    old = [line.strip("| ").split(" | ") for line in table.splitlines()]
    rows = rows + [row for row in old if (row[0], row[1].rpartition(".")[0]) not in of and row[0] in kinds]
    rows.sort(key=lambda row: (kinds.index(row[0]), int(row[1].split(".")[1]), row[6], row[7] != "none", row[7]))
    write(page, before + head + "".join(f"| {' | '.join(row)} |\n" for row in rows) + after)


def main(names: list[str]) -> None:
    if unknown := set(names) - set(ENVIRONMENTS):
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
    main(sys.argv[1:])
