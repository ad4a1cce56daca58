"""A notebook alone in Colab (simulated, with a clone of this working tree)."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tools.notebooks import NOTEBOOKS, ROOT, files_of_the_course, new_client

FIRST = sorted(NOTEBOOKS.glob("01_*.ipynb"))[0].name


def git(*arguments, cwd):
    who = ["-c", "user.name=course", "-c", "user.email=course@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=cwd, check=True, capture_output=True)


def copy_of_the_course(folder: Path) -> Path:
    for name in files_of_the_course():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """An empty folder as in Colab: google.colab is imported, and GitHub's ada/digits is a copy of the course."""
    course = copy_of_the_course(tmp_path / "course")
    subprocess.run([sys.executable, "tools/notebooks.py", "publish", "ada/digits"], cwd=course, check=True)
    git("init", "-q", "-b", "main", cwd=course)
    git("add", "-A", cwd=course)
    git("commit", "-q", "-m", "course", cwd=course)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{course}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/ada/digits")
    fake = tmp_path / "fake"
    (fake / "google" / "colab").mkdir(parents=True)
    (fake / "google" / "colab" / "__init__.py").touch()
    (fake / "sitecustomize.py").write_text("import google.colab")
    monkeypatch.setenv("PYTHONPATH", str(fake))
    content = tmp_path / "content"
    content.mkdir()
    return content, course / "notebooks" / FIRST


def run(book, folder):
    """Run a notebook in a kernel that starts in `folder`."""
    new_client(book, folder, timeout=600).execute()
    return book


def only_set_up(path, *sources):
    """The set-up cell of a notebook, and more cells."""
    book = nbformat.read(path, as_version=4)
    cell = next(cell for cell in book.cells if cell.cell_type == "code")
    book.cells = [cell] + [nbformat.v4.new_code_cell(source) for source in sources]
    return book


def texts(book):
    return [output.get("text") or output.data.get("text/plain")
            for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]


def test_a_notebook_alone_in_colab_fetches_the_course_and_runs(colab):
    content, path = colab
    shutil.copy(path, content)
    book = nbformat.read(content / FIRST, as_version=4)
    committed = texts(book)
    assert texts(run(book, content)) == committed
    assert os.listdir(content / "course" / "notebooks")


def test_set_up_can_run_twice_in_colab(colab):
    content, path = colab
    set_up = only_set_up(path).cells[0].source
    book = only_set_up(path, set_up, "os.getcwd()", "from utils import load_digits; len(load_digits().train_x)")
    assert texts(run(book, content)) == [repr(str(content / "course" / "notebooks")), "500"]
    assert texts(run(only_set_up(path, "os.getcwd()"), content))[0].count("course") == 1, "a new kernel, the same clone"


def test_an_unpublished_notebook_says_so_in_colab(colab):
    content, path = colab
    book = only_set_up(path)
    lines = book.cells[0].source.splitlines()
    book.cells[0].source = "\n".join('COURSE = ""' if line.startswith("COURSE = ") else line for line in lines)
    with pytest.raises(CellExecutionError) as error:
        run(book, content)
    assert error.value.ename == "RuntimeError" and "make publish" in error.value.evalue
    assert not (content / "course").exists()
