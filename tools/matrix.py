"""Checks every notebook in fresh environments, and writes the table in tools/book/evidence.md: python -m tools.matrix [name …]

Default: all; other rows stay as they are. uv finds the Pythons (pyenv's: PYENV_VERSION=3.10:3.11:3.12:3.13).
Each check is `pytest --nbval notebooks`: all outputs and pictures (conftest.py says how those of another matplotlib). The
tested set is also run with one thread, on each of the processor's vector units.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.notebooks import ROOT, write

TESTED = ["-r", "requirements.txt", "-c", "tools/constraints.txt"]
COLAB = ["torch==2.11.*", "torchvision==0.26.*", "fastai==2.8.8", "ipython==7.34.*", "ipykernel==6.17.*", "ipywidgets==7.7.*",
         "matplotlib==3.10.*"]                                          # as published in August 2026, as far as PyPI has them
ENVIRONMENTS = {                                                        # name: Python and what is installed
    "tested, Python 3.10": ("3.10", TESTED), "tested": ("3.11", TESTED), "tested, Python 3.12": ("3.12", TESTED),
    "tested, Python 3.13": ("3.13", TESTED),
    "oldest": ("3.10", ["--resolution", "lowest-direct", "-r", "requirements.txt"]),
    "newest": ("3.13", ["-r", "requirements.txt", "--upgrade"]),
    "Colab's": ("3.13", ["-r", "requirements.txt", *COLAB])}
VERSIONS = """import importlib.metadata as found, platform, torch
versions = [found.version(name) for name in ("torch", "torchvision", "fastai", "matplotlib")]
print(platform.python_version(), *versions, torch.backends.cpu.get_cpu_capability())"""
UNITS = ["DEFAULT", "AVX2", "AVX512"]                                  # vector units, as PyTorch names them; at first none


def said(*command, **env: str) -> tuple[int, str]:
    """Run a command in the course's folder: its exit status, and what it prints."""
    done = subprocess.run(command, cwd=ROOT, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
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
    if "failed" not in found or "error" in found:
        return "does not run"
    where = sorted(set(re.findall(r"^FAILED notebooks/(\d*)", text, re.M)))
    return f"{found['failed']} of {sum(found.values())} cells differ ({', '.join(where)})"


def check(name: str) -> list[str]:
    """Make one environment in build/matrix/NAME and check it: its rows of the table."""
    version, packages = ENVIRONMENTS[name]
    folder = ROOT / "build" / "matrix" / re.sub(r"\W+", "_", name)
    uv, python = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    if said(uv, "venv", "--clear", "--no-python-downloads", "--python", version, folder)[0]:
        sys.exit(f"{name}: there is no Python {version} here.")
    print(f"{name}: installing ...", flush=True)
    status, text = said(uv, "pip", "install", "--compile-bytecode", "--python", python, *packages)
    if status:
        sys.exit(f"The environment {name!r} could not be installed: {text}")
    *versions, best = said(python, "-c", VERSIONS)[1].split()
    single = UNITS[:UNITS.index(best) + 1] if name == "tested" and best in UNITS else []
    rows = []
    for threads, unit in [*((1, unit) for unit in single), (2, best)]:
        outcome = strict_check(python, threads, unit)
        row = name.split(",")[0], *versions, str(threads), unit.replace("DEFAULT", "none"), outcome
        rows.append(f"| {' | '.join(row)} |\n")
        print(rows[-1], end="", flush=True)
    shutil.rmtree(folder / "lib")                                      # gigabytes; the log stays
    return rows


def merged(table: str, new: list[str]) -> str:
    """A table with new rows, in place of those of the same packages and Python."""
    kinds = [name.split(",")[0] for name in ENVIRONMENTS]
    renewed = {tuple(row.split(" | ")[:2]) for row in new}
    rows = new + [row for row in table.splitlines(True) if tuple(row.split(" | ")[:2]) not in renewed]
    rows.sort(key=lambda row: (kinds.index(row.split(" | ")[0].strip("| ")), row.split(" | ")[1]))       # else as they came
    return "".join(rows)


def main(names: list[str]) -> None:
    rows = [row for name in names or ENVIRONMENTS for row in check(name)]
    page = ROOT / "tools" / "book" / "evidence.md"
    text = page.read_text(encoding="utf-8")
    write(page, re.sub(r"(?<=\| --- \|\n)(?:\|.*\n)*(?=<!-- /matrix -->)", lambda found: merged(found[0], rows), text))
    if not all("| all " in row for row in rows):
        sys.exit("Some outputs differ: build/matrix/*/log.txt says which.")
    print("Every output is the same everywhere.")


if __name__ == "__main__":
    main(sys.argv[1:])
