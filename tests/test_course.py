"""The tools, tried on small notebooks: run, refresh, publish, the Makefile, and that nbval's checks can fail."""
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tools import matrix
from tools.notebooks import ROOT

SET_UP = 'import sys\nCOURSE = ""  # where it is published'
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
SLIDER = "from ipywidgets import interact\n@interact(a=(0, 10))\ndef f(a=3):\n    print('a is', a)"


def write_book(folder, name, *sources, tags=()):
    """A notebook of these code cells, after a title and a set-up cell; the last one is tagged."""
    new = nbformat.v4
    cells = [new.new_markdown_cell(f"# {name}", id="title"), new.new_code_cell(SET_UP, metadata={"tags": ["setup"]}),
             *(new.new_code_cell(source) for source in sources)]
    cells[-1].metadata.setdefault("tags", []).extend(tags)
    for k, cell in enumerate(cells):
        cell.id = f"cell{k}"
    path = folder / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new.new_notebook(cells=cells), path)
    return path


def copy_tools(folder):
    for name in ("tools/notebooks.py", "conftest.py", "pyproject.toml", "Makefile", "requirements.txt",
                 "constraints.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "README.md").write_text("# Course\n\n<!-- colab -->\n<!-- /colab -->\n\nThe end\n", encoding="utf-8")
    return folder


@pytest.fixture
def course(tmp_path):
    """A folder with the course's tools and without notebooks."""
    return copy_tools(tmp_path)


def call(folder, *arguments, **environment):
    """Run Python in a folder: exit status and everything it printed."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder, text=True, encoding="utf-8", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=os.environ | environment)
    return done.returncode, done.stdout


def tool(folder, *arguments, **environment):
    return call(folder, "tools/notebooks.py", *arguments, **environment)


# ---------------------------------------------------------------- run

def test_run_prints_progress_and_the_ladder_and_leaves_the_originals_alone(course):
    path = write_book(course, "01_a", "import os\nos.environ['DIGITS'], os.path.basename(os.getcwd())", tags=["ladder"])
    before = path.read_bytes()
    status, said = tool(course, "run", DIGITS="full")
    assert status == 0 and "on the full digits" in said
    assert re.search(r"^01_a \d+ s$", said, re.M) and said.endswith("\n('full', 'notebooks')\n")
    assert path.read_bytes() == before
    assert "('full', 'notebooks')" in (course / "build" / "01_a.ipynb").read_text(encoding="utf-8")


def test_run_reports_the_cell_that_fails(course):
    write_book(course, "01_a", "1 + 1", "x = [1, 2]\nx[5]", "2 + 2")
    status, said = tool(course, "run")
    assert status == 1 and "01_a.ipynb, cell 4 (code cell 3) failed:" in said
    assert "    x[5]" in said and said.endswith("\nIndexError: list index out of range\n")
    assert "Traceback" not in said


def test_run_reports_a_kernel_that_dies(course):
    write_book(course, "01_a", "import os", "os._exit(1)")
    status, said = tool(course, "run")
    assert status == 1 and "cell 4 (code cell 3) failed" in said and "the kernel died" in said
    assert "Traceback" not in said


# ---------------------------------------------------------------- refresh

def test_refresh_writes_the_same_bytes_each_time_and_no_more_than_needed(course):
    loop = "for k in range(3):\n    print(k)"
    path = write_book(course, "01_a", PICTURE + "show(grid)", SLIDER, loop, tags=["ladder"])
    book = nbformat.read(path, as_version=4)
    book.cells[2].metadata.update(collapsed=True, execution={"iopub.execute_input": "2026"})
    book.metadata.update(widgets={}, colab={"provenance": []})
    nbformat.write(book, path)
    assert tool(course, "refresh", MNIST_ROOT="nowhere")[0] == 0
    first = path.read_text(encoding="utf-8")
    assert tool(course, "refresh", "01")[0] == 0
    assert path.read_text(encoding="utf-8") == first
    book = nbformat.read(path, as_version=4)
    assert [cell.get("execution_count") for cell in book.cells] == [None, 1, 2, 3, 4]
    assert [dict(cell.metadata) for cell in book.cells] == [{}, {"tags": ["setup"]}, {}, {}, {"tags": ["ladder"]}]
    assert [output.text for output in book.cells[4].outputs] == ["0\n1\n2\n"]
    assert set(book.metadata) == {"kernelspec", "language_info"} and set(book.metadata.language_info) == {"name"}
    assert "a is 3" not in first, "what a slider shows is no output of the cell"


def test_refresh_writes_nothing_when_a_cell_fails(course):
    path = write_book(course, "01_a", "1 + 1", "1 / 0")
    before = path.read_bytes()
    assert tool(course, "refresh")[0] == 1
    assert path.read_bytes() == before and os.listdir(path.parent) == ["01_a.ipynb"]


@pytest.mark.parametrize("arguments, environment, sentence", [
    (["refresh", "07"], {}, "There is no notebook 07: the course has 01_a."),
    (["refresh"], {"DIGITS": "full"}, "The committed outputs come from the bundled digits"),
    (["publish"], {}, "Name the GitHub repository as owner/name"),
    (["publish", "https://github.com/ada/digits"], {}, "Name the GitHub repository as owner/name"),
    (["rerun"], {}, "run | refresh"), ([], {}, "run | refresh"),
    (["run", "01"], {}, "run | refresh"), (["publish", "ada", "digits"], {}, "run | refresh"),
])
def test_bad_input_gets_a_sentence(course, arguments, environment, sentence):
    write_book(course, "01_a", "1 + 1")
    status, said = tool(course, *arguments, **environment)
    assert status == 1 and sentence in said and "Traceback" not in said


@pytest.mark.parametrize("command", [["refresh"], ["run"], ["key"], ["student"], ["publish", "ada/digits"]])
def test_a_damaged_notebook_is_named(course, command):
    path = write_book(course, "01_a", "1 + 1")
    path.write_text("<<<<<<< mine\n" + path.read_text(encoding="utf-8"))
    status, said = tool(course, *command)
    assert status == 1 and "01_a.ipynb is damaged" in said and "git checkout" in said and "Traceback" not in said
    assert not list(course.glob("build/*/*")), "nothing half-done stays"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_refresh_keeps_a_symbolic_link_and_its_file_s_mode(course):
    path, other = write_book(course, "01_a", "1 + 1"), course / "elsewhere.ipynb"
    path.rename(other)
    other.chmod(0o660)
    path.symlink_to(other)
    assert tool(course, "refresh")[0] == 0
    assert path.is_symlink() and other.stat().st_mode & 0o777 == 0o660 and '"2"' in other.read_text(encoding="utf-8")


# ---------------------------------------------------------------- copies for a class

STUB, SOLVED = "def ink(images):\n    ...", "def ink(images):\n    return 42"
QUESTIONS = """## Questions

<details><summary>1. Why <code>x &gt; 0</code>?</summary>

Because of this.
</details>

<details><summary>2. And why not?</summary>

Because of that.
</details>"""


def write_exercise(folder, solution=SOLVED):
    """A notebook with one exercise, its check and solution, and two questions with answers."""
    path = write_book(folder, "01_a", STUB, f"print('ink: right. Good.' if ink(0) == {42} else 'ink: not attempted yet.')")
    book, new = nbformat.read(path, as_version=4), nbformat.v4
    book.cells[-2].metadata["tags"], book.cells[-1].metadata["tags"] = ["exercise"], ["check"]
    text = f"<details><summary>Solution</summary>\n\n```python\n{solution}\n```\n\nEasy.\n</details>"
    book.cells += [new.new_markdown_cell(text, id="solution", metadata={"tags": ["solution"]}),
                   new.new_markdown_cell(QUESTIONS, id="questions")]
    nbformat.write(book, path)
    return path


def test_student_copies_the_course_without_solutions_and_answers(course):
    before = write_exercise(course).read_bytes()
    (course / "museum.py").write_text("def check(answer):\n    return answer == 'the answer'\n")
    for name in ("tests/test_a.py", "data/bundled/digits", "data/full/digits", "CONTRIBUTING.md", "TEACHING.md",
                 "utils.py", ".git/config"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text("x")
    for _ in range(2):                            # the second time it takes the place of the first
        status, said = tool(course, "student")
        assert status == 0 and "build/student/" in said, said
    copy = course / "build" / "student"
    files = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert "the answer" not in (copy / "museum.py").read_text(encoding="utf-8")
    assert call(copy, "-c", "from museum import check; print(check('the answer'))") == (0, "True\n")
    assert {"notebooks/01_a.ipynb", "utils.py", "data/bundled/digits", "Makefile", "README.md"} <= files
    assert not [name for name in files if re.match(r"tests|data/full|CONTRIBUTING|TEACHING|\.git|build", name)]
    text = (copy / "notebooks" / "01_a.ipynb").read_text(encoding="utf-8")
    assert "1. Why <code>x &gt; 0</code>?" in text and "2. And why not?" in text and "def ink" in text
    assert not re.search("details|summary|Because|Solution|return 42|Easy", text)
    assert (course / "notebooks" / "01_a.ipynb").read_bytes() == before and os.listdir(course / "build") == ["student"]


def test_students_get_what_git_has_and_no_talk_of_the_rest(course):
    write_exercise(course)
    for name in ("README.md", ".gitignore"):
        shutil.copy(ROOT / name, course)
    subprocess.run("git init -q && git add . && mkdir notebooks/mine && touch marks.csv notebooks/mine/solved.ipynb",
                   shell=True, cwd=course, check=True)
    status, said = tool(course, "student")
    assert status == 0 and "Not in the copy, since git does not have them: marks.csv, notebooks/mine/solved.ipynb." in said
    copy = course / "build" / "student"
    assert {path.name for path in copy.iterdir()} == {"Makefile", "README.md", "notebooks", "tools", "requirements.txt",
                                                      "constraints.txt"}
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"make (\w+)", make(copy)[1]) == re.findall(r"^\| `make (\w+)", text, re.M) == [
        "lab", "course", "refresh", "book"]
    assert "No rule to make target" in make(copy, "test")[1]
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.S)
    assert re.search(r"^\w", text, re.M) and not re.search(r"\n\s*\n[a-z]", text), "half a sentence is left"


def test_two_copies_at_once_are_both_whole(course):
    write_exercise(course)
    running = [subprocess.Popen([sys.executable, "tools/notebooks.py", "student"], cwd=course, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, encoding="utf-8") for _ in range(3)]
    outcomes = [(process.communicate()[0], process.returncode) for process in running]
    assert all("Traceback" not in said for said, _ in outcomes) and any(status == 0 for _, status in outcomes), outcomes
    assert os.listdir(course / "build") == ["student"]
    assert {"README.md", "Makefile", "notebooks", "tools"} <= set(os.listdir(course / "build" / "student"))


def test_key_solves_and_runs_the_exercises(course):
    before = write_exercise(course).read_bytes()
    status, said = tool(course, "key")
    assert status == 0 and "build/key/" in said, said
    book = nbformat.read(course / "build" / "key" / "01_a.ipynb", as_version=4)
    assert book.cells[2].source == SOLVED and book.cells[3].outputs[0].text.strip() == "ink: right. Good."
    assert (course / "notebooks" / "01_a.ipynb").read_bytes() == before


def test_key_reports_a_solution_that_the_check_does_not_accept(course):
    write_exercise(course, STUB)
    status, said = tool(course, "key")
    assert status == 1 and "01_a.ipynb: ink: not attempted yet." in said and "Traceback" not in said


# ---------------------------------------------------------------- publish

def test_publish_writes_the_address_and_nothing_else(course):
    paths = [write_book(course, name, "1 + 1") for name in ("01_a", "02_b")]
    assert tool(course, "refresh")[0] == 0
    before = [nbformat.read(path, as_version=4) for path in paths]
    for repo in ("ada/digits", "bob-b/the.course"):           # the second takes the place of the first
        assert tool(course, "publish", repo)[0] == 0
        for path, old in zip(paths, before):
            new = nbformat.read(path, as_version=4)
            link = f"https://colab.research.google.com/github/{repo}/blob/main/notebooks/{path.name}"
            assert new.cells[0].source == f"# {path.stem}\n\n[Open in Colab]({link})"
            assert new.cells[1].source == f'import sys\nCOURSE = "https://github.com/{repo}"  # where it is published'
            assert new.cells[2:] == old.cells[2:] and new.cells[1].outputs == old.cells[1].outputs
            assert link in (course / "README.md").read_text(encoding="utf-8")
    readme = (course / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# Course\n\n<!-- colab -->\n- [01_a](https") and "ada/digits" not in readme
    assert readme.endswith(")\n<!-- /colab -->\n\nThe end\n")


def test_publish_changes_all_files_or_none(course):
    path = write_book(course, "01_a", "1 + 1")
    before = path.read_bytes()
    (course / "README.md").write_text("# Course\n")
    status, said = tool(course, "publish", "ada/digits")
    assert status == 1 and "nothing was changed" in said and path.read_bytes() == before


# ---------------------------------------------------------------- nbval, with conftest.py

FAITHFUL = ["show(grid)", SLIDER, "for k in range(3):\n    print(k)", "{'a': 1.5}", "import sys",
            ("show(grid)", "show([[value * .99 for value in row] for row in grid])")]      # a little paler
CHANGED = [("1 + 1", "1 + 2"), ("for k in range(2):\n    print(k)", "for k in range(2):\n    print(-k)"),
           ("import sys", "print('oh', file=sys.stderr)"),              # something on stderr
           ("1 + 1", "x = 1 + 1"), ("x = 1", "1"),                      # an output too few, one too many
           ("1 + 1", "1 / 0"), ("1 + 1", None),                         # an error, a cell that was never run
           (SLIDER, SLIDER.replace("a=3", "a=4")),
           (SLIDER, SLIDER.replace("print('a is', a)", "print(b)")),    # a slider that fails
           ("show(grid)", "show(grid, 'abe')"),                         # another letter
           ("show(grid)", "show(grid, points=(1, 2.02, 3))"),           # a point that moved by 1 %
           ("show(grid)", "show([*grid[:9], [1 - value for value in grid[9]], *grid[10:]])"),   # a row of pixels
           ("show(grid)", "show(grid), show(grid)"), ("show(grid)", "pass"),
           ("show(grid)", "show(grid, size=(4, 2.1))")]
COUNTING = "total = globals().get('total', 0) + 1\ntotal"              # every run gives another number


@pytest.fixture(scope="module")
def nbval(tmp_path_factory):
    """Refresh a notebook of cells, (source, source afterwards), and let nbval check it: which fail, and the report."""
    def check(cells, *options, tags=()):
        folder = copy_tools(tmp_path_factory.mktemp("course"))
        pairs = [(cell, cell) if isinstance(cell, str) else cell for cell in [PICTURE, *cells]]
        path = write_book(folder, "01_a", *(before for before, _ in pairs), tags=tags)
        status, said = tool(folder, "refresh")
        assert status == 0, said
        book = nbformat.read(path, as_version=4)
        for cell, (_, after) in zip(book.cells[2:], pairs):
            cell.source = after or cell.source
            cell.execution_count = cell.execution_count if after else None
        nbformat.write(book, path)
        status, said = call(folder, "-m", "pytest", "--nbval", *options, "notebooks")
        failed = [int(number) - 2 for number in re.findall(r"^FAILED .*::Cell (\d+)", said, re.M)]
        assert status == bool(failed)
        return failed, said, folder / "build" / "image_diffs"
    return check


@pytest.mark.parametrize("options", [[], ["--twice"]])
def test_faithful_notebooks_pass(nbval, options):
    failed, said, _ = nbval(FAITHFUL, *options)
    assert not failed, said


def test_every_kind_of_change_fails(nbval):
    failed, said, diffs = nbval(CHANGED)
    passed = [CHANGED[k][1] for k in range(len(CHANGED)) if k not in failed]
    assert not passed, said
    assert len(list(diffs.glob("01_a_*_1_expected.png"))) == len(list(diffs.glob("01_a_*_1_got.png"))) == 4


OLD = "version='3.0.1'"


def test_another_matplotlib_may_draw_other_letters_but_nothing_else(nbval):
    same = [("show(grid)", f"show(grid, {change}{OLD})") for change in ("", "'abe', ", "size=(4.01, 2), ")]
    other = [("show(grid)", f"show(grid, {change}{OLD})") for change in ("points=(1, 2.3, 3), ", "size=(4.1, 2), ", "'', ")]
    other += [("show(grid)", f"show({image}, {OLD})") for image in ("grid[::-1]", "[[0] * 28] * 28")]
    failed, said, _ = nbval(same + other)
    assert failed == list(range(len(same), len(same + other))), said


def test_twice_fails_where_a_cell_gives_another_output_the_second_time(nbval):
    failed, said, _ = nbval([COUNTING, COUNTING.replace("total", "steps")], "--twice", tags=["continues"])
    assert failed == [0] and "When the cell runs a second time: Cell outputs differ" in said


@pytest.mark.parametrize("solution", [SOLVED, STUB])
def test_a_check_fails_that_does_not_find_its_solution_right(course, solution):
    write_exercise(course, solution)
    assert tool(course, "refresh")[0] == 0
    status, said = call(course, "-m", "pytest", "--nbval", "--twice", "notebooks")
    assert status == (solution == STUB), said
    assert ("The check does not find the solution right" in said) == (solution == STUB)


# ---------------------------------------------------------------- make

def make(folder, *arguments):
    done = subprocess.run(["make", *arguments], cwd=folder, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def stub(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


def test_make_alone_lists_the_commands(course):
    status, said = make(course)
    assert status == 0 and all(f"make {name}" in said for name in ("lab", "test", "course", "refresh", "publish"))


def test_an_install_that_breaks_off_is_not_believed(course):
    stub(course / "python", "case $2 in venv) mkdir -p .venv/bin; cp broken .venv/bin/python;; esac")
    stub(course / "broken", "echo 'pip: connection lost'; exit 1")
    for _ in range(2):
        status, said = make(course, "course", "PYTHON=./python")
        assert status != 0 and "connection lost" in said
    assert not (course / ".venv" / "bin" / ".installed").exists()


@pytest.mark.parametrize("unfit, sentence", [
    ("sys.version_info = (3, 9)", "needs Python 3.10 or newer; this is"), ("sys.modules['ensurepip'] = None", "python3-venv"),
])
def test_an_unfit_python_is_named(course, unfit, sentence):
    stub(course / "python", f'exec {sys.executable} -c "import sys; {unfit}; $2"')
    status, said = make(course, "course", "PYTHON=./python")
    assert status != 0 and sentence in said
    assert not (course / ".venv").exists()


# ---------------------------------------------------------------- the matrix

ROW = ["tested", "3.11.7", "2.14.1", "0.29.2", "2.8.12", "3.11.2", "2", "AVX512", "all 7 cells equal"]


@pytest.mark.parametrize("rows, status, says", [
    ([ROW], None, "Every output is the same"), ([], "Nothing was run", ""),
    ([ROW, ROW[:-1] + ["does not run"]], "Some outputs", ""),
    ([ROW[:7] + ["NEON", "1 of 7 cells differ (03)"]], "Some outputs", ""),
])
def test_the_matrix_ends_as_its_rows_say(tmp_path, monkeypatch, capsys, rows, status, says):
    (tmp_path / "README.md").write_text("Before\n<!-- matrix -->\n<!-- /matrix -->\nafter\n")
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    monkeypatch.setattr(matrix, "check", lambda name: rows if name == "tested" else [])
    if status:
        with pytest.raises(SystemExit, match=status):
            matrix.main([])
    else:
        matrix.main([])
    assert says in capsys.readouterr().out
    table = [line for line in (tmp_path / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(rows) and all(row[-1] in line for row, line in zip(rows, table[2:]))


@pytest.mark.parametrize("starts, outcome", [("exec {} \"$@\"", "all 2 cells equal"),
                                             ("echo 'No module named pytest' >&2; exit 1", "does not run")])
def test_a_check_of_the_matrix_says_what_came_out(course, monkeypatch, starts, outcome):
    write_book(course, "01_a", "1")
    assert tool(course, "refresh")[0] == 0
    monkeypatch.setattr(matrix, "ROOT", course)
    python = course / "build" / "matrix" / "tested" / "bin" / "python"
    stub(python, starts.format(sys.executable))
    assert matrix.strict_check(python) == outcome
