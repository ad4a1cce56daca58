"""What goes wrong ends in one sentence with cause and way out, leaves nothing half-written, and works once it is mended."""
import ast
import errno
import gzip
import hashlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn

import utils
from course import mnist
from tools import copies
from tools.break_it import copy_of_the_course
from tools.notebooks import NOTEBOOKS, ROOT, files_of_the_course, notebooks
from utils import load_digits

RAW = Path("MNIST", "raw")
FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def sentence(error):
    """What a reader sees of an error: one line, with nothing behind it."""
    text = str(error.value)
    assert "\n" not in text and error.value.__cause__ is None
    assert error.value.__context__ is None or error.value.__suppress_context__, "a second error stands above it"
    return text


# ---------------------------------------------------------------- the digits' files

@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A copy of the course's data that a test may damage."""
    monkeypatch.setattr(mnist, "ROOT", tmp_path)
    monkeypatch.delenv("MNIST_ROOT", raising=False)
    monkeypatch.delenv("DIGITS", raising=False)
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("full", "__pycache__"))
    return tmp_path


@pytest.mark.parametrize("how", ["missing", "cut", "flipped", "empty"])
@pytest.mark.parametrize("name", ["SHA256SUMS", *(f"bundled/MNIST/raw/{name}" for name in FILES)])
def test_a_damaged_file_is_refused_and_named_until_it_is_mended(elsewhere, name, how):
    file = elsewhere / "data" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= how == "flipped"
    file.write_bytes(content[:len(content) // 2] if how == "cut" else b"" if how == "empty" else content)
    if how == "missing":
        file.unlink()
    with pytest.raises(FileNotFoundError if how == "missing" else ValueError) as error:
        load_digits()
    what = "is missing" if how == "missing" else r"is damaged \(its checksum is not the one in data/SHA256SUMS\)"
    assert re.search(rf"{what}: run  git checkout data  to bring it back\.$", sentence(error))
    assert name == "SHA256SUMS" or str(file) in sentence(error)
    shutil.copy(ROOT / "data" / name, file)
    assert len(load_digits().train_x) == 500


def test_a_clone_with_the_line_endings_of_windows_reads_the_digits(elsewhere):
    sums = elsewhere / "data" / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load_digits().train_x) == 500
    rules = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert "* text=auto eol=lf" in rules and "data/bundled/** binary" in rules


def test_files_that_cannot_be_read_and_pickles_that_must_not(elsewhere, monkeypatch):
    processed = elsewhere / "data" / "bundled" / "MNIST" / "processed"
    processed.mkdir()
    torch.save((torch.zeros(1, 28, 28), torch.zeros(1)), processed / "training.pt")     # torchvision of old would load it
    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("a pickle was loaded"))
    assert load_digits().train_y.unique().tolist() == [3, 7]
    file = elsewhere / "data" / "bundled" / RAW / FILES[0]
    file.unlink()
    file.mkdir()                                              # unlike permissions, that stops root as well
    with pytest.raises(OSError, match=r"cannot be read \(.+\): run  git checkout data") as error:
        load_digits()
    sentence(error)


# ---------------------------------------------------------------- the download

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.content[Path(self.path).name]
        half = self.server.cut and self.path.endswith("labels-idx1-ubyte.gz")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:len(content) // 2] if half else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(elsewhere, monkeypatch):
    """The only mirror that torchvision knows, on this machine: the bundled digits play the full ones. `cut`: it breaks off."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.content = {f"{name}.gz": gzip.compress((ROOT / "data" / "bundled" / RAW / name).read_bytes(), 1) for name in FILES}
    server.cut = False
    threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr("torchvision.datasets.MNIST.resources",
                        [(name, hashlib.md5(content).hexdigest()) for name, content in server.content.items()])
    monkeypatch.setenv("no_proxy", "*")
    sums = elsewhere / "data" / "SHA256SUMS"
    bundled = [line for line in sums.read_text(encoding="utf-8").splitlines() if "bundled/" in line]
    sums.write_text("\n".join(bundled + [line.replace("bundled/", "full/") for line in bundled]), encoding="utf-8")
    yield server
    server.shutdown()
    server.server_close()


def no_disk(url, filename, **_):
    Path(filename).write_bytes(b"half a file")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def cut_off(server, patch):
    patch.setattr(server, "cut", True)


@pytest.mark.parametrize("happens, kind, way_out, cause", [
    (cut_off, ConnectionError, "connect to the network", "corrupted|IncompleteRead|RuntimeError"),
    (lambda server, patch: patch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"]), ConnectionError,
     "connect to the network", "refused"),
    (lambda server, patch: patch.setattr("torchvision.datasets.utils._urlretrieve", no_disk), OSError,
     "make room on the disk", "No space left on device")], ids=["cut off", "no network", "disk full"])
def test_a_download_that_fails_leaves_nothing_and_the_next_one_works(elsewhere, mirror, happens, kind, way_out, cause):
    before = {path.name for path in (elsewhere / "data").iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        happens(mirror, patch)
        with pytest.raises(kind, match=f"could not be downloaded: {way_out} and try again, or let MNIST_ROOT name a folder "
                                       f"that holds MNIST/raw.*DIGITS=bundled.*{cause}") as error:
            load_digits(dataset="full")
        sentence(error)
    assert {path.name for path in (elsewhere / "data").iterdir()} == before
    assert len(load_digits(dataset="full").train_x) == 500
    assert {path.name for path in (elsewhere / "data").iterdir()} == before | {"full"}
    assert sorted(path.name for path in (elsewhere / "data" / "full" / RAW).iterdir()) == sorted(FILES)
    if os.name != "nt":
        assert (elsewhere / "data" / "full").stat().st_mode & 0o777 == (elsewhere / "data").stat().st_mode & 0o777, \
            "others can read it where they can read the rest"


def test_a_folder_named_by_mnist_root_that_will_not_do(elsewhere, monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", str(elsewhere / "nothing"))
    with pytest.raises(FileNotFoundError, match="is missing: let MNIST_ROOT name a folder with a good MNIST/raw"):
        load_digits(dataset="full")


# ---------------------------------------------------------------- what a reader may type

NO_DIGITS, NO_SIZES = [(), (3, 3), (3, 12), (-1, 3), ("3", "7"), (2.5,), 10], [0, -1, 2.5, "8"]


@pytest.mark.parametrize("function, arguments, says", [
    *((load_digits, [digits, "bundled"], "name one or more different digits from 0 to 9") for digits in NO_DIGITS),
    *((utils.Batches, [torch.zeros(2, 2), torch.zeros(2, 1), size], "it is 1, 2, 3") for size in NO_SIZES),
    (load_digits, [], "There is no dataset 'ful'"),
    (utils.as_xy, [torch.zeros(2, 28, 28), torch.tensor([3, 3]), 3], "take 3 and another")])
def test_impossible_digits_datasets_sides_and_batches(monkeypatch, function, arguments, says):
    monkeypatch.setenv("DIGITS", "ful")
    with pytest.raises(ValueError, match=says) as error:
        function(*arguments)
    sentence(error)


@pytest.mark.parametrize("lr, epochs, says", [(float("nan"), 1, "lr=nan"), (float("inf"), 1, "lr=inf"), (.1, -1, "epochs=-1"),
                                              (.1, 1.5, "epochs=1.5"), (.1, "2", "epochs='2'")])
def test_impossible_rates_and_epochs(lr, epochs, says):
    model = nn.Linear(4, 1)
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    opt.param_groups[0]["lr"] = lr
    before, data = model.weight.clone(), [(torch.rand(5, 4), torch.ones(5, 1))]
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        utils.fit(model, opt, data, data, epochs)
    sentence(error)
    assert torch.equal(model.weight, before)


# ---------------------------------------------------------------- what is around a notebook

SET_UP = next(cell.source for cell in nbformat.read(notebooks()[0], as_version=4).cells if cell.cell_type == "code")
FIRST = (SET_UP + "\nfrom course import check, hint\nimport tools, tests, utils\n"
         "print(len(utils.load_digits().train_x), utils.__file__)")


def python(code, folder, *path, **environment):
    """Run Python in a folder, with nothing but `path` on its path: exit status and the last line that it printed."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DIGITS", "MNIST_ROOT")}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, text=True, encoding="utf-8", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env | {"PYTHONPATH": os.pathsep.join(map(str, path))} | environment)
    return done.returncode, (done.stdout.strip().splitlines() or [""])[-1]


def test_where_a_notebook_may_start_beside_installed_packages_of_our_names(tmp_path):
    copy = tmp_path / "3 und 7 für Ada"
    copy_of_the_course(copy)
    for name in ("checks", "benchmarks", "course", "tools", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')", encoding="utf-8")
    for folder in (copy, copy / "notebooks"):
        assert python(FIRST, folder, tmp_path) == (0, f"500 {copy / 'utils.py'}")
    assert python(FIRST, tmp_path) == (1, "RuntimeError: Open this in the course's folder (Colab: upload 3or7.zip).")


STUB = ("import sys, types\nsys.modules['torch'] = torch = types.ModuleType('torch')\n"
        "torch.__version__, torch.manual_seed = '2.6.0', int\n")


def test_a_foreign_utils_a_missing_and_an_old_pytorch_get_a_sentence(tmp_path):
    (tmp_path / "utils.py").write_text("mine = True", encoding="utf-8")
    status, said = python(f"{STUB}sys.path.insert(0, {str(tmp_path)!r}); import utils\n{FIRST}", NOTEBOOKS)
    assert status and f"Another utils is in the way, {tmp_path / 'utils.py'}: rename it" in said
    status, said = python(f"import sys; sys.modules['torch'] = None\n{FIRST}", NOTEBOOKS)
    assert status and said.startswith("ImportError: PyTorch is missing: choose the kernel .venv, or run  make lab")
    status, said = python(f"{STUB}torch.__version__ = '2.5.1+cpu'\n{FIRST}", NOTEBOOKS)
    assert status and "needs PyTorch 2.6 or newer, this is 2.5.1+cpu: run  pip install" in said
    assert "torch>=2.6" in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_a_notebook_alone_in_colab_fetches_the_course_once(tmp_path):
    """From a repository, or from an uploaded zip. A stub in PyTorch's place: only what the set-up cell does is looked at."""
    origin, cloned, uploaded, empty = (tmp_path / name for name in ("origin", "cloned", "uploaded", "empty"))
    for folder in (cloned, uploaded, empty, tmp_path / "google" / "colab"):
        folder.mkdir(parents=True)
    (tmp_path / "google" / "colab" / "__init__.py").touch()
    copy_of_the_course(origin)
    who = ["-c", "user.name=course", "-c", "user.email=course@localhost"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "course"]):
        subprocess.run(["git", *who, *words], cwd=origin, check=True)
    copies.pack()
    shutil.move(ROOT / "build" / "3or7.zip", uploaded)
    first = f"{STUB}import google.colab\n{SET_UP}\nprint(course.setup.__file__)\n"
    for folder, address in (cloned, str(origin)), (uploaded, ""):
        for code in (first, first + first):                      # in a second session, the course is there already
            code = code.replace('COURSE = ""', f"COURSE = {address!r}")
            assert python(code, folder, tmp_path) == (0, str(folder / "3or7" / "course" / "setup.py"))
    assert [path.name for path in cloned.iterdir()] == ["3or7"]
    said = "RuntimeError: Open this in the course's folder (Colab: upload 3or7.zip)."
    assert python(first, empty, tmp_path) == (1, said)


@pytest.mark.parametrize("path", [path for path in notebooks() if re.search("(import|from) fastai",
                                  path.read_text(encoding="utf-8"))], ids=lambda path: path.stem)
def test_without_fastai_its_cell_says_how_to_get_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastai", None)          # as if it were not installed
    first = next(cell.source for cell in nbformat.read(path, as_version=4).cells
                 if cell.cell_type == "code" and "fastai" in cell.source and "import" in cell.source)
    with pytest.raises((ImportError, AssertionError), match="no fastai here: run  %pip install fastai  and then"):
        exec(first, {"warnings": warnings})


@pytest.mark.skipif(os.name == "nt" or hasattr(os, "getuid") and os.getuid() == 0, reason="permissions bind nobody here")
def test_a_course_that_cannot_be_written_can_be_read(tmp_path):
    copy_of_the_course(tmp_path / "course")
    for path in [tmp_path / "course", *(tmp_path / "course").rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    assert python(FIRST, tmp_path / "course")[0] == 0
    for path in [tmp_path / "course", *(tmp_path / "course").rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


# ---------------------------------------------------------------- other systems

@pytest.mark.parametrize("file", [file for file in files_of_the_course() if file.suffix == ".py"], ids=Path.as_posix)
def test_text_is_read_and_written_in_utf8_and_nothing_fails_to_import_on_windows(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        words = {keyword.arg for keyword in call.keywords}
        modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        text = name in ("read_text", "write_text") or name == "open" and isinstance(call.func, ast.Name) and not any(
            "b" in mode for mode in modes[-1:] if len(mode) <= 3)
        pipes = name in ("run", "Popen") and "text" in words
        assert not (text or pipes) or "encoding" in words, f"{file.name}:{call.lineno} names no encoding"
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for_posix = re.search(r"\b(fcntl|grp|pwd|resource|termios)\b", ast.unparse(node))
            assert not for_posix, f"{file.name}:{node.lineno} is for POSIX only"
