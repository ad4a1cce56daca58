"""Notebook 10's script, with workers and torchrun killed at random moments: the result is that of an unbroken run.

WORKERS_SEED=… repeats the moments of an earlier run; each test prints its seed.
"""
import ast
import os
import random
import re
import sys
import time
from types import SimpleNamespace

import nbformat
import psutil
import pytest
import torch

from tools.notebooks import NOTEBOOKS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")

CELLS = [cell for cell in nbformat.read(NOTEBOOKS / "11_many_workers.ipynb", as_version=4).cells if cell.cell_type == "code"]
SHOWN = next(output.data["text/markdown"] for cell in CELLS for output in cell.outputs
             if "text/markdown" in output.get("data", {}))
SCRIPT = re.fullmatch(r"```python\n(.*)```", SHOWN, re.S)[1]
SEED = int(os.environ.get("WORKERS_SEED", time.time_ns() % 10 ** 6))
LIMIT = 120                                      # seconds that anything may take


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The functions of the notebook that start runs, with a folder of our own, and its script in a file."""
    names = {"os": os, "sys": sys, "torch": torch}
    for cell in CELLS:
        for node in ast.parse(cell.source).body:
            constant = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").isupper()
            kept = constant and "setup" not in cell.metadata.get("tags", [])
            if kept or isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
                exec(compile(ast.Module([node], []), "<notebook 10>", "exec"), names)
            elif isinstance(node, ast.Assign) and "parameters" in cell.metadata.get("tags", []):
                exec(ast.unparse(node), names)
    place = tmp_path_factory.mktemp("runs")
    names.update(place=SimpleNamespace(name=str(place)), epochs=12)
    script = place / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    return SimpleNamespace(**names, names=names, script=script)


@pytest.fixture(scope="module")
def unbroken(book):
    folder = book.new_run()
    book.run(folder, 2, book.script)
    return folder


def same(book, folder, unbroken):
    one, other = book.saved(folder), book.saved(unbroken)
    return all(torch.equal(one[name], other[name]) for name in other)


def workers_of(process):
    """The workers of torchrun, as soon as there are two."""
    end = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < end:
        workers = psutil.Process(process.pid).children()
        if len(workers) == 2:
            return workers
        time.sleep(.02)
    return []


def gone(workers):
    return not psutil.wait_procs(workers, timeout=LIMIT)[1]


def test_the_file_that_is_shown_holds_the_functions_of_the_cells():
    sources = "\n".join(cell.source for cell in CELLS)
    for node in ast.parse(SCRIPT).body:
        if isinstance(node, ast.FunctionDef):
            assert ast.get_source_segment(SCRIPT, node) in sources


def test_workers_killed_at_random_moments(book, unbroken):
    print(f"WORKERS_SEED={SEED}")
    rng, folder = random.Random(SEED), book.new_run(pause=.1)
    with book.started(folder, 2, "--max-restarts", 9, book.script) as process:
        for _ in range(3):                       # while they start, train or write; now and then before they do anything
            victims = workers_of(process)
            time.sleep(rng.uniform(0, 5))
            for victim in rng.sample(victims, min(len(victims), rng.choice([1, 1, 2]))):
                if victim.is_running():
                    victim.kill()
            gone(victims)
        assert book.ending(process, folder) is None
    assert same(book, folder, unbroken)


def test_torchrun_killed_at_a_random_moment(book, unbroken):
    print(f"WORKERS_SEED={SEED}")
    rng, folder = random.Random(SEED + 1), book.new_run(pause=.2)
    with book.started(folder, 2, book.script) as process:
        workers = workers_of(process)
        time.sleep(rng.uniform(2, 6))
        process.kill()
        process.wait(LIMIT)
        assert gone(workers), "workers are left behind"
    book.run(folder, 2, book.script)
    assert same(book, folder, unbroken)


def test_a_worker_killed_while_it_writes(book, unbroken):
    """Worker 0 writes half of its fifth checkpoint and is gone."""
    whole = "    torch.save(state, half)\n"
    dying = ('    if state["epoch"] == 5 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":\n'
             '        half.write_bytes(b"PK" * 999)\n        os.kill(os.getpid(), 9)\n')
    assert SCRIPT.count(whole) == 1
    script, folder = book.script.with_name("dying.py"), book.new_run()
    script.write_text(SCRIPT.replace(whole, dying + whole), encoding="utf-8")
    book.run(folder, 2, "--max-restarts", 1, script)
    assert '"resumed": true' in (folder / "result.json").read_text(encoding="utf-8")
    assert same(book, folder, unbroken)


def test_a_worker_s_error_comes_back_as_a_sentence(book):
    book.names["batch_size"] = 31
    try:
        folder = book.new_run()
    finally:
        book.names["batch_size"] = 32
    with pytest.raises(AssertionError, match="ValueError: 2 workers cannot share a batch of 31 equally"):
        book.run(folder, 2, book.script)
