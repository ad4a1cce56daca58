"""The tools, tried on small courses: run, refresh, order, copies, publish, make, matrix; and that nbval's checks can fail."""
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import nbformat
import pytest

import tools.notebooks
from tools import before, copies, lab, matrix, order
from tools.break_it import copy_of_the_course
from tools.notebooks import ROOT, as_text, command_line, find, has, notebooks, read, refresh, run, slug, write

SET_UP = 'import sys\nCOURSE = ""  # where it is published'
new = nbformat.v4


def write_book(folder, name, *sources, tags=(), course=None):
    """A notebook of these code cells, after a title and a set-up cell; the last code cell is tagged. Its path."""
    cells = [new.new_markdown_cell(f"# {slug(folder / name).title()}: a try\n\nAbout 20 minutes."),
             new.new_code_cell(SET_UP, metadata={"tags": ["setup"]}), *(new.new_code_cell(source) for source in sources)]
    cells[-1].metadata.setdefault("tags", []).extend(tags)
    for k, cell in enumerate(cells):
        cell.id = f"cell{k}"
    path = folder / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new.new_notebook(cells=cells, metadata={"course": course} if course else {}), path)
    return path


def change(path, do):
    """Change a notebook's file: `do` gets what it holds."""
    nb = read(path)
    do(nb)
    nbformat.write(nb, path)


def bring(folder, *names):
    """Copy files of the course into a folder."""
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder that the tools take for the course, without notebooks; what they change in the environment comes back."""
    for name in ("DIGITS", "MNIST_ROOT"):
        monkeypatch.setenv(name, "")
    for module in (tools.notebooks, order, copies, matrix):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(tools.notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    marks = "".join(f"\n<!-- {name} -->\n<!-- /{name} -->\n" for name in ("colab", "notebooks"))
    (tmp_path / "README.md").write_text(f"# Course\n{marks}\nThe end\n", encoding="utf-8")
    return tmp_path


def stops(command, *arguments):
    """The sentence with which a command ends."""
    with pytest.raises(SystemExit) as stopped:
        command(*arguments)
    return str(stopped.value)


def called(folder, *command):
    """Run a command in a folder: exit status and everything it printed."""
    done = subprocess.run(command, cwd=folder, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


# ---------------------------------------------------------------- run and refresh

def test_run_prints_progress_and_the_ladder_and_leaves_the_originals_alone(course, monkeypatch, capsys):
    path = write_book(course, "01_a", "import os\nos.environ['DIGITS'], os.path.basename(os.getcwd())", tags=["ladder"])
    before = path.read_bytes()
    monkeypatch.setenv("DIGITS", "full")
    run()
    said = capsys.readouterr().out
    assert "on the full digits" in said and re.search(r"^01_a \d+ s$", said, re.M)
    assert said.endswith("\n('full', 'notebooks')\n")
    assert path.read_bytes() == before
    assert "('full', 'notebooks')" in (course / "build" / "01_a.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize("source, cause", [("x = [1, 2]\nx[5]", "IndexError: list index out of range"),
                                           ("import os\nos._exit(1)", "the kernel died; was there memory enough?")])
def test_the_cell_that_fails_is_reported_and_nothing_written(course, source, cause):
    path = write_book(course, "01_a", "1 + 1", source, "2 + 2")
    order.order()
    before = path.read_bytes()
    said, shown = stops(refresh), source.replace("\n", "\n    ")
    assert said.endswith(f"01_a.ipynb, this cell failed:\n\n    {shown}\n\n{cause}")
    assert path.read_bytes() == before and os.listdir(path.parent) == ["01_a.ipynb"]


SLIDER = "from ipywidgets import interact\n@interact(a=(0, 10))\ndef f(a=3):\n    print('a is', a)"


def test_refresh_writes_the_same_bytes_each_time(course, monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", "nowhere")
    path = write_book(course, "01_a", SLIDER, "for k in range(3):\n    print(k)", tags=["ladder"], course={"summary": "A"})
    change(path, lambda nb: (nb.cells[2].metadata.update(collapsed=True, execution={"iopub.execute_input": "2026"}),
                             nb.metadata.update(widgets={}, colab={"provenance": []})))
    refresh()
    first = path.read_text(encoding="utf-8")
    refresh("a")
    assert path.read_text(encoding="utf-8") == first and "a is 3" not in first, "what a slider shows is no output of the cell"
    nb = read(path)
    assert [cell.get("execution_count") for cell in nb.cells] == [None, 1, 2, 3]
    assert [dict(cell.metadata) for cell in nb.cells] == [{}, {"tags": ["setup"]}, {}, {"tags": ["ladder"]}]
    assert [output.text for output in nb.cells[3].outputs] == ["0\n1\n2\n"]
    assert set(nb.metadata) == {"kernelspec", "language_info", "course"} and nb.metadata.course == {"summary": "A"}
    assert set(nb.metadata.language_info) > {"name", "version"}, "JupyterLab would add what is missing"


def test_bad_input_gets_a_sentence(course, monkeypatch):
    path = write_book(course, "01_a", "1 + 1")
    assert stops(refresh, "07") == "There is no notebook 07: the course has 01_a."
    assert find("a") == find("01") == find("01_a") == path
    assert "Name the GitHub repository as owner/name" in stops(copies.publish, "https://github.com/ada/digits")
    monkeypatch.setattr(sys, "argv", ["tools", "add", "07"])
    found = []
    command_line("the usage", {"add": found.append})
    assert found == ["07"] and stops(command_line, "the usage", {"run": run}) == "the usage"
    assert "cannot be written" in stops(write, path / "file", "text") and os.listdir(path.parent) == [path.name]
    monkeypatch.setenv("DIGITS", "full")
    assert "The committed outputs come from the bundled digits" in stops(refresh)


@pytest.mark.parametrize("command", [[refresh], [run], [order.order], [copies.key], [copies.student],
                                     [copies.publish, "ada/digits"]], ids=lambda command: command[0].__name__)
def test_a_damaged_notebook_is_named(course, command):
    path = write_book(course, "01_a", "1 + 1")
    path.write_text("<<<<<<< mine\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    said = stops(*command)
    assert "01_a.ipynb is damaged" in said and "git checkout" in said and not list(course.glob("build/*/*"))


# ---------------------------------------------------------------- order

def test_what_follows_from_the_order_is_up_to_date():
    assert not order.misnumbered() and not [path.name for path in order.stale()], "make order"
    slugs = [slug(path) for path in notebooks()]
    assert len(set(slugs)) == len(slugs) and slugs[-1] == "glossary"
    for notebook in map(order.Notebook, notebooks()):
        wanted = {"summary", "question", "exercises", "idea"} if notebook.number else {"summary"}
        assert {key for key, told in notebook.about.items() if told} == wanted, f"{notebook.path.name}: metadata course"
        assert notebook.title and (notebook.minutes or not notebook.number), notebook.path.name
    for page, table in (("README.md", "notebooks"), ("tools/book/teaching.md", "lessons")):
        assert f"<!-- /{table} -->" in (ROOT / page).read_text(encoding="utf-8"), "make order writes the table before it"


def test_a_notebook_in_between_is_numbered_and_everything_renewed(course, capsys):
    for name in ("01_one", "01a_extra", "02_two", "glossary"):
        path = write_book(course, name, course={"summary": f"About {name}", "exercises": 30, "idea": "none"})
        change(path, lambda nb: nb.cells.append(new.new_markdown_cell(
            "[notebook 02](02_two.ipynb#2-·-Two:-a-try), [two](02_two.ipynb)\n\n[Next: Old →](02_two.ipynb)", id="end")))
    teaching = course / "tools" / "book" / "teaching.md"
    teaching.parent.mkdir(parents=True)
    teaching.write_text("[02](../../notebooks/02_two.ipynb)\n<!-- lessons -->\n<!-- /lessons -->\n", encoding="utf-8")
    order.order()
    assert "02_two.ipynb → 03_two.ipynb" in capsys.readouterr().out
    names = ["01_one.ipynb", "02_extra.ipynb", "03_two.ipynb", "glossary.ipynb"]
    assert [path.name for path in notebooks()] == sorted(os.listdir(course / "notebooks")) == names
    books = [read(path) for path in notebooks()]
    assert [nb.cells[0].source.partition("\n")[0] for nb in books] == [
        "# 1 · One: a try", "# 2 · Extra: a try", "# 3 · Two: a try", "# Glossary: a try"]
    links = "[notebook 03](03_two.ipynb#3-·-Two:-a-try), [two](03_two.ipynb)"
    assert [nb.cells[-1].source for nb in books[:3]] == [
        links + "\n\n[Next: Extra →](02_extra.ipynb)", links + "\n\n[Next: Two →](03_two.ipynb)", links]
    assert "| [03](notebooks/03_two.ipynb) | About 02_two | 20 |\n" in (course / "README.md").read_text(encoding="utf-8")
    above, *_, row, _ = teaching.read_text(encoding="utf-8").splitlines()
    assert above == "[03](../../notebooks/03_two.ipynb)" and row == f"| {above} Two | 20 min | 30 min | none |"
    assert not order.stale() and not order.misnumbered()
    find("one").unlink()
    assert len(order.misnumbered()) == 2 and {"README.md", "teaching.md"} <= {path.name for path in order.stale()}


# ---------------------------------------------------------------- copies for a class, and the public address

STUB, SOLVED = "def ink(images):\n    ...", "def ink(images):\n    return 42"
ANSWERS = "<details><summary>1. Why <code>x &gt; 0</code>?</summary>\n\nBecause.\n</details>"


def add_exercise(nb, solution=SOLVED):
    """Append an exercise, its check and solution, and a question with its answer."""
    text = f"<details><summary>Solution</summary>\n\n```python\n{solution}\n```\n\nEasy.\n</details>"
    check = "print('ink: right. Good.' if ink(0) == 42 else 'ink: not attempted yet.')"
    nb.cells += [new.new_code_cell(STUB, metadata={"tags": ["exercise"]}),
                 new.new_code_cell(check, metadata={"tags": ["check"]}),
                 new.new_markdown_cell(text, metadata={"tags": ["solution"]}), new.new_markdown_cell(ANSWERS)]


def test_students_get_the_course_without_answers_and_without_what_is_for_teachers(course, monkeypatch, capsys):
    with monkeypatch.context() as whole:
        whole.setattr(tools.notebooks, "ROOT", ROOT)
        copy_of_the_course(course)
    subprocess.run("git init -q && git add -A", shell=True, cwd=course, check=True)
    (course / "marks.csv").touch()
    before = {path: path.read_bytes() for path in notebooks()}
    copies.student()
    assert "Not in the copy, since git does not have them: marks.csv." in capsys.readouterr().out
    copy = course / "build" / "student"
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert {"Makefile", "README.md", "requirements.txt", "utils.py", "course/exercises.py", "tools/constraints.txt"} <= files
    assert not [name for name in files if re.match(r"tests/|conftest|\.|build|marks|tools/book/teaching", name)]
    assert set(os.listdir(copy / "tools")) == {"__init__.py", "notebooks.py", "order.py", "lab.py", "before.py", "book",
                                                "benchmarks", "constraints.txt", "requirements.txt"}
    for path in copy.glob("notebooks/*.ipynb"):
        nb = read(path)
        assert not [cell for cell in nb.cells if has(cell, "solution") or "<details" in cell.source], path.name
    for path in [*copy.glob("course/judges/*.py"), copy / "course" / "museum.py"]:
        assert "b64decode" in path.read_text(encoding="utf-8") and "def " not in path.read_text(encoding="utf-8"), path
    assert "shuffled" not in (copy / "course" / "museum.md").read_text(encoding="utf-8")
    count = "from course import museum, exercises; print(len(museum.ROOMS), len(exercises.EXERCISES) > 50)"
    assert called(copy, sys.executable, "-c", count) == (0, "10 True\n"), "what is packed can be unpacked"
    for path in copy.rglob("requirements.txt"):
        assert not re.search("^(nbval|pytest|ruff|codespell|playwright|axe)", path.read_text(encoding="utf-8"), re.M), path
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"make (\w+)", called(copy, "make")[1])) - {"lab"} == {"course", "refresh", "book"}
    assert set(re.findall(r"^\| `make (\w+)", text, re.M)) == {"lab", "course", "refresh", "book"}
    missing = [link for link in re.findall(r"\]\(([^)#\s:]+)\)", text) if not (copy / link).exists()]
    assert not missing and text.count("```") % 2 == 0 and "No rule to make target" in called(copy, "make", "test")[1]
    assert before == {path: path.read_bytes() for path in notebooks()} and os.listdir(course / "build") == ["student"]


def test_two_copies_at_once_take_the_place_of_each_other_whole(course):
    write_book(course, "01_a")
    copies.student()
    with ThreadPoolExecutor() as pool:
        failures = [copy.exception() for copy in [pool.submit(copies.student) for _ in range(2)]]
    assert None in failures and all(isinstance(failure, SystemExit) for failure in failures if failure), failures
    assert os.listdir(course / "build") == ["student"] and (course / "build/student/notebooks/01_a.ipynb").exists()


def test_key_solves_runs_and_judges_the_exercises(course):
    path = write_book(course, "01_a")
    change(path, lambda nb: [add_exercise(nb, solution) for solution in (SOLVED, STUB)])
    before = path.read_bytes()
    assert stops(copies.key).endswith("the solution is right:\n01_a.ipynb: ink: not attempted yet.\n")
    nb = read(course / "build" / "key" / "01_a.ipynb")
    assert nb.cells[2].source == SOLVED and nb.cells[3].outputs[0].text.strip() == "ink: right. Good."
    assert path.read_bytes() == before


def test_publish_writes_the_address_and_nothing_else(course):
    paths = [write_book(course, name, "1 + 1") for name in ("01_a", "02_b")]
    order.order()
    before = [read(path) for path in paths]
    for repo in ("ada/digits", "bob-b/the.course"):           # the second takes the place of the first
        copies.publish(repo)
        for path, old in zip(paths, before):
            nb, link = read(path), f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{path.name}"
            assert nb.cells[0].source == f"{old.cells[0].source}\n\n[Open in Colab]({link})"
            assert nb.cells[1].source == f'import sys\nCOURSE = "https://github.com/{repo}"  # where it is published'
            assert nb.cells[2:] == old.cells[2:] and link in (course / "README.md").read_text(encoding="utf-8")
    readme = (course / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Course\n\n<!-- colab -->\n  [01](https") and "ada/digits" not in readme


# ---------------------------------------------------------------- nbval, with conftest.py

PICTURE = """
import matplotlib.pyplot as plt, base64, io
from IPython.display import display
def show(image, title="abc", points=(1, 2, 3), size=(4, 2), version=plt.matplotlib.__version__):
    fig, (left, right) = plt.subplots(1, 2, figsize=size)
    left.imshow(image, cmap="gray", vmin=0, vmax=1)
    left.set_title(title)
    right.plot(points)
    png = io.BytesIO()
    fig.savefig(png, metadata={"Software": f"Matplotlib version{version}, a site"})
    plt.close(fig)
    display({"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": "a picture"}, raw=True)
grid = [[row * column % 7 / 7 for column in range(28)] for row in range(28)]
"""
COUNTING = "total = globals().get('total', 0) + 1\ntotal"              # every run gives another number
OLD = "version='3.0.1'"                                                 # another matplotlib: only letters may differ
PASS = [PICTURE, "show(grid)", SLIDER, "for k in range(3):\n    print(k)", "{'a': 1.5}", "import sys",
        ("show(grid)", "show([[value * .99 for value in row] for row in grid])"),      # a little paler
        *(("show(grid)", f"show(grid, {change}{OLD})") for change in ("", "'abe', ", "size=(4.01, 2), "))]
FAIL = [("1 + 1", "1 + 2"), ("for k in range(2):\n    print(k)", "for k in range(2):\n    print(-k)"),
        ("import sys", "print('oh', file=sys.stderr)"),              # something on stderr
        ("1 + 1", "x = 1 + 1"), ("x = 1", "1"),                      # an output too few, one too many
        ("1 + 1", "1 / 0"), ("x = 1", None),                          # an error, a cell that was never run
        (SLIDER, SLIDER.replace("print('a is', a)", "print(b)")),    # a slider that fails
        ("show(grid)", "show(grid, 'abe')"),                         # another letter
        ("show(grid)", "show(grid, points=(1, 2.02, 3))"),           # a point that moved by 1 %
        ("show(grid)", "show([*grid[:9], [1 - value for value in grid[9]], *grid[10:]])"),   # a row of pixels
        ("show(grid)", "show(grid), show(grid)"), ("show(grid)", "pass"),
        ("show(grid)", "show(grid, size=(4, 2.1))"), COUNTING,
        *(("show(grid)", f"show(grid, {change}{OLD})") for change in ("points=(1, 2.3, 3), ", "size=(4.1, 2), ", "'', ")),
        *(("show(grid)", f"show({image}, {OLD})") for image in ("grid[::-1]", "[[0] * 28] * 28"))]


def test_nbval_passes_what_is_faithful_and_fails_what_is_changed(course):
    """Refresh cells, (source, source afterwards), and let nbval check them, in one run: which of them fail?"""
    bring(course, "tools/__init__.py", "tools/notebooks.py", "conftest.py", "pyproject.toml")
    cells = [(cell, cell) if isinstance(cell, str) else cell for cell in [*PASS, *FAIL, COUNTING.replace("total", "steps")]]
    path = write_book(course, "01_a", *(before for before, _ in cells), tags=["continues"])
    change(path, lambda nb: [add_exercise(nb, solution) for solution in (SOLVED, STUB)])
    refresh()

    def edit(nb):
        for cell, (_, after) in zip(nb.cells[2:], cells):
            cell.source, cell.execution_count = after or cell.source, cell.execution_count if after else None
    change(path, edit)
    _, said = called(course, sys.executable, "-m", "pytest", "-p", "no:xdist", "--nbval", "--twice", "notebooks")
    failed = list(map(int, re.findall(r"^FAILED \S*::Cell (\d+)", said, re.M)))
    changed = range(len(PASS) + 1, len(PASS) + len(FAIL) + 1)                 # the set-up cell is number 0
    assert failed == [*changed, 1 + len(cells) + 3], said                     # the last is the check of the stub
    assert "When the cell runs a second time: Cell outputs differ" in said
    assert "The check does not find the solution right" in said
    assert len(list((course / "build/image_diffs").glob("*_expected.png"))) >= 8


# ---------------------------------------------------------------- make

needs_make = pytest.mark.skipif(not shutil.which("make") or sys.platform == "win32", reason="there is no make here")


def stub(path, script):
    path.write_text("#!/bin/sh\n" + script, encoding="utf-8")
    path.chmod(0o755)


@needs_make
def test_make_alone_lists_the_commands():
    targets = re.search(r"^\.PHONY: help (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()
    assert set(re.findall(r"^make (\w+) +\w", called(ROOT, "make")[1], re.M)) == set(targets) > {"lab", "test"}
    assert "-m tools.lab\n" in called(ROOT, "make", "-nB", ".venv/bin/.installed")[1], "installing settles JupyterLab"


def test_jupyterlab_asks_nothing_and_saves_a_notebook_as_it_was(tmp_path):
    lab.settle(tmp_path)
    assert '"fetchNews": "false"' in (tmp_path / "share/jupyter/lab/settings/overrides.json").read_text(encoding="utf-8")
    config = SimpleNamespace(FileContentsManager=SimpleNamespace())
    exec((tmp_path / "etc/jupyter/jupyter_server_config.py").read_text(encoding="utf-8"), {"c": config})
    for path in notebooks():
        nb, as_it_was = read(path), path.read_text(encoding="utf-8")
        nb.metadata.language_info.version = "3.99.0"               # what another Python's JupyterLab writes
        config.FileContentsManager.pre_save_hook(model={"type": "notebook", "content": nb}, path=path.name)
        assert as_text(nb) == as_it_was
    config.FileContentsManager.pre_save_hook(model={"type": "file", "content": None}, path="utils.py")


@needs_make
def test_an_install_that_breaks_off_is_not_believed_and_an_unfit_python_named(tmp_path):
    bring(tmp_path, "Makefile", "requirements.txt", "tools/constraints.txt")
    stub(tmp_path / "broken", "echo 'pip: connection lost'; exit 1")
    for case, sentence in [("$1 in tools/before.py) echo unfit; exit 1", "unfit"),
                           ("$2 in venv) mkdir -p .venv/bin; cp broken .venv/bin/python", "connection lost")]:
        stub(tmp_path / "python", f"case {case};; esac")
        for _ in range(2):
            status, said = called(tmp_path, "make", "course", "PYTHON=./python")
            assert status != 0 and sentence in said and not (tmp_path / ".venv/bin/.installed").exists()


@pytest.mark.parametrize("here, sentence", [
    ({}, ""), ({"version": (3, 9, 1)}, "needs Python 3.10 or newer, up to 3.13; this is 3.9"),
    ({"version": (3, 14)}, "this is 3.14"), ({"bits": 32}, "32 bits"),
    ({"system": "Darwin", "machine": "x86_64"}, "Intel"), ({"system": "Darwin", "machine": "arm64"}, ""),
    ({"parts": ["venv", "no_pip"]}, "has no no_pip"), ({"free": 3e9}, "3.0 GB free on this disk, and about 7 are needed"),
    ({"free": 3e9, "system": "Windows"}, ""), ({"free": 1e9, "system": "Windows"}, "about 2 are needed: make room.")])
def test_what_stands_in_the_way_of_installing_is_said_in_a_sentence(monkeypatch, here, sentence):
    monkeypatch.delenv("TORCH", raising=False)
    usual = {"version": (3, 12, 1), "bits": 64, "system": "Linux", "machine": "x86_64", "free": 9e9, "parts": ["venv"]}
    said = before.obstacle(**usual | here)
    assert sentence in said and bool(said) == bool(sentence)
    monkeypatch.setenv("TORCH", "cpu")
    assert not before.obstacle(**usual | {"free": 3e9})


# ---------------------------------------------------------------- the matrix

ROW = "| tested | 3.11.7 | 2.14.1 | 0.29.2 | 2.8.12 | 3.11.2 | 2 | AVX512 | {} |\n"
EVIDENCE = "Before\n<!-- matrix -->\n| packages |\n| --- | --- |\n{}<!-- /matrix -->\nafter\n"


@pytest.mark.parametrize("outcome", ["all 7 cells equal", "does not run", "1 of 7 cells differ (03)"])
def test_the_matrix_writes_its_rows_and_ends_as_they_say(course, monkeypatch, outcome):
    words = {word for _, packages in matrix.ENVIRONMENTS.values() for word in packages if word.endswith(".txt")}
    assert len(words) == 2 and all((ROOT / word).is_file() for word in words)
    page = course / "tools" / "book" / "evidence.md"
    page.parent.mkdir(parents=True)
    other = "| newest | 3.13.0 | of before |\n"                        # another environment: it stays
    page.write_text(EVIDENCE.format(ROW.format("old") + other), encoding="utf-8")
    rows = [ROW.format("all 7 cells equal"), ROW.format(outcome)]
    monkeypatch.setattr(matrix, "check", lambda name: rows)
    if outcome.startswith("all"):
        matrix.main(["tested"])
    else:
        assert "Some outputs differ" in stops(matrix.main, ["tested"])
    assert page.read_text(encoding="utf-8") == EVIDENCE.format("".join([*rows, other]))


@pytest.mark.parametrize("prints, outcome", [
    ("2 passed in 1.0s", "all 2 cells equal"), ("No module named pytest", "does not run"),
    ("FAILED notebooks/03_a.ipynb::Cell 1\n1 failed, 6 passed", "1 of 7 cells differ (03)")])
def test_a_check_of_the_matrix_says_what_came_out(course, monkeypatch, prints, outcome):
    monkeypatch.setattr(matrix, "said", lambda *_, **__: (int(outcome[:3] != "all"), prints))
    assert matrix.strict_check(course / "bin" / "python", 1, "AVX2") == outcome
