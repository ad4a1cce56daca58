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
    """The functions of the notebook that start runs, and its script in a folder of our own."""
    place, names = tmp_path_factory.mktemp("runs"), {"os": os, "sys": sys, "torch": torch}
    for cell in CELLS:
        for node in ast.parse(cell.source).body:
            constant = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").isupper()
            if constant or has(cell, "parameters") or isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef)):
                exec(compile(ast.Module([node], []), "<many_workers>", "exec"), names)
    loaded = names["load_digits"](names["digits"])
    x, y = (t.double() for t in names["as_xy"](*loaded[:2], names["digits"][0]))
    names.update(place=SimpleNamespace(name=str(place)), epochs=12, x=x, y=y)
    book = SimpleNamespace(**names, script=place / "train.py")
    book.script.write_text(SCRIPT, encoding="utf-8")
    return book


def workers_of(process, before=()):
    """The workers of torchrun, as soon as there are two, and none of those before."""
    end, workers = time.monotonic() + LIMIT, []
    while (len(workers) != 2 or set(workers) & set(before)) and process.poll() is None and time.monotonic() < end:
        time.sleep(.02)
        workers = psutil.Process(process.pid).children()
    return workers


def test_the_file_that_is_shown_holds_the_functions_of_the_cells():
    shown = [ast.get_source_segment(SCRIPT, node) for node in ast.parse(SCRIPT).body if isinstance(node, ast.FunctionDef)]
    assert shown and all(any(function in cell.source for cell in CELLS) for function in shown)


def test_whatever_is_killed_the_training_ends_as_an_unbroken_one(book):
    """Worker 0 is gone with half of its fifth checkpoint written; then one is killed at some moment, and then torchrun."""
    whole = "    torch.save(state, half)\n"
    dying = ('    if state["epoch"] == 5 and not (died := file.with_name("died")).exists():\n'
             '        died.touch(), half.write_bytes(b"PK" * 999), os.kill(os.getpid(), 9)\n')
    assert SCRIPT.count(whole) == 1
    script, folder, rng = book.script.with_name("dying.py"), book.new_run(pause=.5), random.Random(3)
    script.write_text(SCRIPT.replace(whole, dying + whole), encoding="utf-8")
    with book.started(folder, 2, "--max-restarts", 9, "--monitor-interval", .1, script) as process:
        first = workers_of(process)                                    # worker 0 of these kills itself
        second = workers_of(process, first)
        assert (folder / "died").exists()
        time.sleep(rng.uniform(1, 4))
        for worker in filter(psutil.Process.is_running, rng.sample(second, 1)):
            worker.kill()
        third = workers_of(process, second)
        time.sleep(rng.uniform(0, 3))
        process.kill()
        process.wait(LIMIT)
        assert not psutil.wait_procs(third, timeout=LIMIT)[1], "workers are left behind"
    book.run(folder, 2, book.script)
    torch.testing.assert_close(book.saved(folder), book.alone(2).state_dict(), rtol=1e-12, atol=1e-9)
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["resumed"]


def test_workers_that_cannot_share_a_batch_say_so(book):
    with pytest.raises(ValueError, match="2 workers cannot share a batch of 31 equally"):
        book.train(None, {"batch_size": 31}, 0, 2, None, None, None)


def test_a_worker_s_error_comes_back_as_a_sentence(book):
    """What torchrun prints of an error in a worker, shortened."""
    folder = book.new_run()
    log = "Root Cause (first observed failure):\n  ValueError: 2 workers cannot share\n"
    (folder / "log").write_text(log, encoding="utf-8")
    assert book.ending(SimpleNamespace(wait=lambda seconds: 1), folder).endswith("ValueError: 2 workers cannot share")
