"""The script of many_workers, with workers and torchrun killed where the notebook does not: it ends as an unbroken run does."""
import ast
import json
import os
import random
import re
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
import torch

from tools.notebooks import find, has, read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")
CELLS = [cell for cell in read(find("many_workers")).cells if cell.cell_type == "code"]
SHOWN = next(output.data["text/markdown"] for cell in CELLS for output in cell.outputs
             if "text/markdown" in output.get("data", {}))
SCRIPT = re.fullmatch(r"```python\n(.*)```", SHOWN, re.S)[1]
LIMIT = 120                                      # seconds that anything may take


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The functions of the notebook that start runs, its script in a folder of our own, and what an unbroken run gives."""
    place, names = tmp_path_factory.mktemp("runs"), {"os": os, "sys": sys, "torch": torch}
    for cell in CELLS:
        for node in ast.parse(cell.source).body:
            constant = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").isupper()
            if constant or has(cell, "parameters") or isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
                exec(compile(ast.Module([node], []), "<many_workers>", "exec"), names)
    names.update(place=SimpleNamespace(name=str(place)), epochs=12)
    book = SimpleNamespace(**names, names=names, script=place / "train.py")
    book.script.write_text(SCRIPT, encoding="utf-8")
    book.run(folder := book.new_run(), 2, book.script)
    book.unbroken = book.saved(folder)
    return book


def same(book, folder):
    torch.testing.assert_close(book.saved(folder), book.unbroken, rtol=0, atol=0)
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def workers_of(process):
    """The workers of torchrun, as soon as there are two."""
    end, workers = time.monotonic() + LIMIT, []
    while len(workers) != 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(.02)
        workers = psutil.Process(process.pid).children()
    return workers


def test_the_file_that_is_shown_holds_the_functions_of_the_cells():
    shown = [ast.get_source_segment(SCRIPT, node) for node in ast.parse(SCRIPT).body if isinstance(node, ast.FunctionDef)]
    assert shown and all(any(function in cell.source for cell in CELLS) for function in shown)


def test_workers_killed_while_they_start_train_or_write_and_one_in_the_middle_of_a_file(book):
    """Three times one or both of them, at moments that differ; and worker 0 writes half of its fifth checkpoint and is gone."""
    whole = "    torch.save(state, half)\n"
    dying = ('    if state["epoch"] == 5 and not (died := file.with_name("died")).exists():\n'
             '        died.touch(), half.write_bytes(b"PK" * 999), os.kill(os.getpid(), 9)\n')
    assert SCRIPT.count(whole) == 1
    script, folder, rng = book.script.with_name("dying.py"), book.new_run(pause=.1), random.Random(3)
    script.write_text(SCRIPT.replace(whole, dying + whole), encoding="utf-8")
    with book.started(folder, 2, "--max-restarts", 9, script) as process:
        for victims in 1, 2, 1:
            workers = workers_of(process)
            time.sleep(rng.uniform(0, 4))
            for worker in filter(psutil.Process.is_running, rng.sample(workers, min(victims, len(workers)))):
                worker.kill()
            psutil.wait_procs(workers, timeout=LIMIT)
        assert book.ending(process, folder) is None
    assert (folder / "died").exists() and same(book, folder)["resumed"]


def test_torchrun_killed_leaves_no_workers_and_the_next_run_goes_on(book):
    folder = book.new_run(pause=.2)
    with book.started(folder, 2, book.script) as process:
        workers = workers_of(process)
        time.sleep(random.Random(1).uniform(3, 5))
        process.kill()
        process.wait(LIMIT)
        assert not psutil.wait_procs(workers, timeout=LIMIT)[1], "workers are left behind"
    book.run(folder, 2, book.script)
    same(book, folder)


def test_a_worker_s_error_comes_back_as_a_sentence(book, monkeypatch):
    monkeypatch.setitem(book.names, "batch_size", 31)
    with pytest.raises(Exception, match="ValueError: 2 workers cannot share a batch of 31 equally"):
        book.run(book.new_run(), 2, book.script)
