"""What goes wrong ends in one sentence with cause and way out, leaves nothing half-written, and works once it is mended."""
import ast
import ctypes
import errno
import gzip
import hashlib
import json
import math
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import torch
from nbclient.exceptions import CellExecutionError
from torch import nn

import utils
from tests.test_colab import copy_of_the_course, only_set_up, run
from tests.test_course import course, tool, write_book                   # noqa: F401 (course is a fixture)
from tools.notebooks import NOTEBOOKS, ROOT, new_client, notebooks
from utils import load_digits

RAW = Path("MNIST", "raw")
FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
FIRST = NOTEBOOKS / "01_pixels.ipynb"


def sentence(error):
    """What a reader sees of an error: one line, with nothing behind it."""
    text = str(error.value)
    assert "\n" not in text and error.value.__cause__ is None
    assert error.value.__context__ is None or error.value.__suppress_context__, "a second error stands above it"
    return text


# ---------------------------------------------------------------- the digits' files

@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A copy of the course's data that a test may damage; utils.py looks for its data there."""
    monkeypatch.setattr(utils, "ROOT", tmp_path)
    monkeypatch.delenv("MNIST_ROOT", raising=False)
    monkeypatch.delenv("DIGITS", raising=False)
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("full", "__pycache__"))
    return tmp_path


def in_data(folder):
    return {path.name for path in (folder / "data").iterdir()}


def damage(file, how):
    content = bytearray(file.read_bytes())
    if how == "missing":
        return file.unlink()
    content[len(content) // 3] ^= how == "flipped"
    file.write_bytes(content[:len(content) // 2] if how == "cut" else b"" if how == "empty" else content)


@pytest.mark.parametrize("how", ["missing", "cut", "flipped", "empty"])
@pytest.mark.parametrize("name", ["SHA256SUMS", *(f"bundled/MNIST/raw/{name}" for name in FILES)])
def test_a_damaged_file_is_refused_and_named_until_it_is_mended(elsewhere, name, how):
    damage(elsewhere / "data" / name, how)
    with pytest.raises(FileNotFoundError if how == "missing" else ValueError) as error:
        load_digits()
    what = "is missing" if how == "missing" else r"is damaged \(its checksum is not the one in data/SHA256SUMS\)"
    assert re.search(rf"{what}: run  git checkout data  to bring it back\.$", sentence(error))
    assert name == "SHA256SUMS" and how != "missing" or str(elsewhere / "data" / name) in sentence(error)
    shutil.copy(ROOT / "data" / name, elsewhere / "data" / name)
    assert len(load_digits().train_x) == 500


def test_all_data_missing(elsewhere):
    shutil.rmtree(elsewhere / "data")
    with pytest.raises(FileNotFoundError, match="is missing: run  git checkout data "):
        load_digits()


def test_no_pickle_is_ever_loaded(elsewhere, monkeypatch):
    processed = elsewhere / "data" / "bundled" / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):           # what torchvision of old left behind, and still would load
        torch.save((torch.zeros(500, 28, 28, dtype=torch.uint8), torch.zeros(500)), processed / name)

    def refuse(*args, **kwargs):
        raise AssertionError("a pickle was loaded")
    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads")):
        monkeypatch.setattr(module, name, refuse)
    assert load_digits().train_y.unique().tolist() == [3, 7]


def test_a_file_that_cannot_be_read(elsewhere):
    """A folder in its place: unlike permissions, that stops root as well."""
    file = elsewhere / "data" / "bundled" / RAW / FILES[0]
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match=r"cannot be read \(.+\): run  git checkout data") as error:
        load_digits()
    sentence(error)


# ---------------------------------------------------------------- the download

class Mirror(ThreadingHTTPServer):
    """A mirror of MNIST on this machine: the bundled digits play the full ones. `act` may answer a request in its place."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_port}/"
        self.content = {f"{name}.gz": gzip.compress((ROOT / "data" / "bundled" / RAW / name).read_bytes(), 1) for name in FILES}
        self.asked, self.act = [], None


class Answer(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        name = Path(self.path).name
        if self.command == "GET":
            self.server.asked.append(name)
        if not (self.server.act and self.server.act(self, name)):
            self.send(self.server.content[name])

    def send(self, content, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(elsewhere, monkeypatch):
    """The only mirror that torchvision knows; `elsewhere` takes its files for the full MNIST."""
    server = Mirror()
    threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in server.content.items()]
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [server.address])
    monkeypatch.setattr("torchvision.datasets.MNIST.resources", resources)
    monkeypatch.setenv("no_proxy", "*")
    sums = elsewhere / "data" / "SHA256SUMS"
    bundled = [line for line in sums.read_text().splitlines() if "bundled/" in line]
    sums.write_text("\n".join(bundled + [line.replace("bundled/", "full/") for line in bundled]))
    yield server
    server.shutdown()
    server.server_close()


def full_is_whole(folder):
    assert in_data(folder) == (in_data(ROOT) | {"full"}) - {"__pycache__"}
    assert {path.name for path in (folder / "data" / "full" / RAW).iterdir()} == set(FILES), "archives are left behind"
    assert torch.equal(load_digits(dataset="full").valid_x, load_digits().valid_x)


def cut_off(answer, name):
    content = answer.server.content[name]
    answer.send(content[:len(content) // 2], len(content))
    return True


def other_bytes(answer, name):
    content = bytearray(answer.server.content[name])
    content[len(content) // 2] ^= 1
    answer.send(bytes(content))
    return True


def refuse(answer, name):
    answer.send_error(403)
    return True


def hang_up(answer, name):
    answer.close_connection = True
    return True


def refuse_the_last(answer, name):
    return name.startswith("t10k-labels") and refuse(answer, name)


def no_network(*args, **kwargs):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def fails_with(error):
    def write(url, filename, **rest):
        Path(filename).write_bytes(b"half a file")
        raise error
    return write


def nobody_listens(mirror, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [f"http://127.0.0.1:{closed.getsockname()[1]}/"])


URLRETRIEVE = "torchvision.datasets.utils._urlretrieve"
NETWORK, DISK = "connect to the network and try again", "make room on the disk and try again"
FAULTS = {                                             # what happens, the way out, the cause
    "cut off": (lambda mirror, patch: patch.setattr(mirror, "act", cut_off), NETWORK, "corrupted|IncompleteRead"),
    "other bytes": (lambda mirror, patch: patch.setattr(mirror, "act", other_bytes), NETWORK, "corrupted"),
    "refused": (lambda mirror, patch: patch.setattr(mirror, "act", refuse), NETWORK, "403"),
    "refused at last": (lambda mirror, patch: patch.setattr(mirror, "act", refuse_the_last), NETWORK, "403"),
    "hung up": (lambda mirror, patch: patch.setattr(mirror, "act", hang_up), NETWORK, "closed connection"),
    "nobody listens": (nobody_listens, NETWORK, "refused"),
    "no network": (lambda mirror, patch: patch.setattr(socket, "getaddrinfo", no_network), NETWORK, "name resolution"),
    "no words": (lambda mirror, patch: patch.setattr(URLRETRIEVE, fails_with(TimeoutError())), NETWORK, "TimeoutError"),
    "disk full": (lambda mirror, patch: patch.setattr(
        URLRETRIEVE, fails_with(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))), DISK, "No space left on device"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_that_fails_leaves_nothing_and_the_next_one_works(elsewhere, mirror, fault):
    before = in_data(elsewhere)
    happens, way_out, cause = FAULTS[fault]
    with pytest.MonkeyPatch.context() as patch:
        happens(mirror, patch)
        with pytest.raises(ConnectionError if way_out == NETWORK else OSError) as error:
            load_digits(dataset="full")
        assert re.match(rf"The full MNIST could not be downloaded: {way_out}, or let MNIST_ROOT name a folder that holds "
                        rf"MNIST/raw\. .*\(DIGITS=bundled\)\. The cause: .*({cause})", sentence(error))
        assert in_data(elsewhere) == before
        assert len(load_digits().train_x) == 500, "the bundled digits need no network"
    load_digits(dataset="full")
    full_is_whole(elsewhere)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit for a file's size")
def test_a_disk_that_is_full_in_the_middle_of_a_file(elsewhere, mirror):
    import resource
    before, limits = in_data(elsewhere), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(OSError, match=f"could not be downloaded: {DISK}.*The cause: .*File too large") as error:
            load_digits(dataset="full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(error.value, ConnectionError) and in_data(elsewhere) == before
    load_digits(dataset="full")
    full_is_whole(elsewhere)


def test_a_download_that_is_stopped_leaves_nothing(elsewhere, mirror, monkeypatch):
    before = in_data(elsewhere)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(URLRETRIEVE, fails_with(KeyboardInterrupt()))
        load_digits(dataset="full")
    assert in_data(elsewhere) == before
    load_digits(dataset="full")
    full_is_whole(elsewhere)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_to_a_disk_that_is_not_there_is_no_reason_to_download(elsewhere, mirror):
    (elsewhere / "data" / "full").symlink_to(elsewhere / "unmounted")
    with pytest.raises(FileNotFoundError, match="is missing: delete data/full and load again") as error:
        load_digits(dataset="full")
    sentence(error)
    assert not mirror.asked


def test_a_file_s_fault_is_not_blamed_on_the_network(elsewhere, mirror):
    def refused(path, target):
        raise PermissionError(13, "Permission denied", str(path))
    before = in_data(elsewhere)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="see to it that .*full can be written") as error:
        patch.setattr(Path, "rename", refused)
        load_digits(dataset="full")
    sentence(error)
    assert not isinstance(error.value, ConnectionError) and in_data(elsewhere) == before
    load_digits(dataset="full")
    full_is_whole(elsewhere)


def test_a_download_is_not_repeated(elsewhere, mirror):
    load_digits(dataset="full")
    asked = list(mirror.asked)
    load_digits(dataset="full")
    assert mirror.asked == asked and set(asked) == set(mirror.content)


def test_two_kernels_that_download_at_once(elsewhere, mirror, monkeypatch):
    both, rename = threading.Barrier(2, timeout=30), Path.rename

    def rename_together(path, target):
        both.wait()                                    # now each has seen that the folder was not there
        return rename(path, target)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(Path, "rename", rename_together)
        kernels = [pool.submit(load_digits, dataset="full") for _ in range(2)]
        assert all(len(kernel.result().train_x) == 500 for kernel in kernels)
    full_is_whole(elsewhere)


def test_files_that_are_others_are_refused(elsewhere, mirror):
    load_digits(dataset="full")
    damage(elsewhere / "data" / "full" / RAW / FILES[0], "flipped")
    with pytest.raises(ValueError) as error:
        load_digits(dataset="full")
    assert re.search("is damaged.*: delete data/full and load again, or let MNIST_ROOT name", sentence(error))
    shutil.rmtree(elsewhere / "data" / "full")
    load_digits(dataset="full")
    full_is_whole(elsewhere)


@pytest.mark.parametrize("named", ["nothing", "a_file", "own"])
def test_a_folder_named_by_mnist_root_that_will_not_do(elsewhere, mirror, monkeypatch, named):
    (elsewhere / "a_file").touch()
    shutil.copytree(elsewhere / "data" / "bundled", elsewhere / "own")
    damage(elsewhere / "own" / RAW / FILES[0], "cut")
    monkeypatch.setenv("MNIST_ROOT", named)            # a relative path counts from the course's folder
    with pytest.raises(ValueError if named == "own" else FileNotFoundError) as error:
        load_digits(dataset="full")
    assert re.search(r"is (missing|damaged \(.*\)): let MNIST_ROOT name a folder with a good MNIST/raw in it", sentence(error))
    assert not mirror.asked, "never a silent download where MNIST_ROOT was named"
    monkeypatch.setenv("MNIST_ROOT", str(elsewhere / "data" / "bundled"))
    assert len(load_digits(dataset="full").train_x) == 500


# ---------------------------------------------------------------- values that cannot be

def test_unknown_dataset(monkeypatch):
    with pytest.raises(ValueError, match='no dataset \'ful\'.*"bundled" or "full"'):
        load_digits(dataset="ful")
    monkeypatch.setenv("DIGITS", "all")
    with pytest.raises(ValueError, match="no dataset 'all'.*DIGITS"):
        load_digits()


@pytest.mark.parametrize("digits", [(3, 10), (-1,), (), (3, 3), ("3",), 10, 3.5, (3, 7.5), None, "37", ([3], 7), math.nan])
def test_impossible_digits(digits):
    with pytest.raises(ValueError, match="will not do: name one or more different digits from 0 to 9") as error:
        load_digits(digits)
    sentence(error)


@pytest.mark.parametrize("digits, yes", [((3,), 3), ((3, 7), 5)])
def test_one_side_only_is_refused(digits, yes):
    images, labels, *_ = load_digits(digits)
    with pytest.raises(ValueError, match=rf"\{{{', '.join(map(str, digits))}\}} will not do: take {yes} and another"):
        utils.as_xy(images, labels, yes)


@pytest.mark.parametrize("kind", [utils.Batches, utils.WiggledBatches])
@pytest.mark.parametrize("batch_size", [0, -1, 2.5, 32., math.nan, math.inf, None, "32"])
def test_impossible_batch_sizes(kind, batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size} will not do: it is 1, 2, 3"):
        kind(torch.rand(10, 784), torch.rand(10, 1), batch_size)


def trained(fit, lr, epochs):
    """How far training with these moves the weights; the history."""
    model = nn.Linear(784, 10 if fit is utils.fit_classes else 1)
    before, opt = model.weight.detach().clone(), torch.optim.SGD(model.parameters(), lr=.1)
    opt.param_groups[0]["lr"] = lr
    y = torch.arange(50) % 10
    data = [(torch.rand(50, 784), y if fit is utils.fit_classes else (y > 4).float()[:, None])]
    try:
        return fit(model, opt, data, data, epochs)
    finally:
        if not 0 < lr < math.inf or not epochs > 0:
            assert torch.equal(model.weight, before)


@pytest.mark.parametrize("fit", [utils.fit, utils.fit_classes])
@pytest.mark.parametrize("lr, epochs, says", [
    (math.nan, 1, "lr=nan will not do"), (math.inf, 1, "lr=inf will not do"), (-1., 1, r"lr=-1\.0 will not do"),
    (.1, -1, "epochs=-1 will not do"), (.1, math.nan, "epochs=nan will not do"),
])
def test_impossible_rates_and_epochs(fit, lr, epochs, says):
    with pytest.raises((ValueError, AssertionError), match=f"{says}: .* from 0 up") as error:
        trained(fit, lr, epochs)
    sentence(error)


@pytest.mark.parametrize("fit", [utils.fit, utils.fit_classes])
def test_zero_is_a_number_too(fit):
    assert trained(fit, .1, 0) == [] and len(trained(fit, 0, 2)) == 2


# ---------------------------------------------------------------- what is installed

def python(code, folder=ROOT, **options):
    """Run Python in a folder, without the course on its path: exit status and everything it printed."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DIGITS", "MNIST_ROOT")}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env, **options)
    return done.returncode, done.stdout


def test_old_pytorch_is_refused_in_a_sentence():
    status, said = python("import torch; torch.__version__ = '2.5.1+cpu'; import utils")
    assert status == 1
    assert re.search(r"\nImportError: The course needs PyTorch 2\.6 or newer and this is 2\.5\.1\+cpu: run .*pip install", said)


def test_oldest_pytorch_is_the_one_in_requirements():
    required = re.search(r"^torch>=([\d.]+)", (ROOT / "requirements.txt").read_text("utf8"), re.M)[1]
    assert tuple(map(int, required.split("."))) == utils.OLDEST_TORCH


def code_of(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def imports_of(source):
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(map(ast.unparse, nodes))


NEEDS_FASTAI = [path for path in notebooks() if any("fastai" in imports_of(cell.source) for cell in code_of(path))]


def test_only_notebooks_05_and_08_need_fastai():
    assert [path.name[:2] for path in NEEDS_FASTAI] == ["05", "08"]
    others = [path for path in notebooks() if path not in NEEDS_FASTAI]
    modules = [path.stem for path in ROOT.glob("*.py") if path.name != "conftest.py"]
    checks = [f"checks.{path.stem}" for path in (ROOT / "checks").glob("n*.py")]
    code = ["import sys", "sys.modules['fastai'] = None", *(f"import {name}" for name in modules + checks),
            *(imports_of(cell.source) for path in others for cell in code_of(path))]
    assert python("\n".join(code)) == (0, "")


@pytest.mark.parametrize("path", NEEDS_FASTAI, ids=lambda path: path.stem)
def test_without_fastai_its_cell_says_how_to_get_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastai", None)          # as if it were not installed
    cells = [cell.source for cell in code_of(path)]
    first = next(cell for cell in cells if "fastai" in imports_of(cell))
    with pytest.raises(AssertionError, match="no fastai here: run  %pip install fastai  and then this cell again") as error:
        exec(first, {"warnings": warnings})
    sentence(error)


# ---------------------------------------------------------------- where a notebook lies

@pytest.fixture
def copy(tmp_path):
    """A copy of the course in a folder with a space and an umlaut."""
    return copy_of_the_course(tmp_path / "3 und 7 für Ada")


def test_where_a_notebook_may_start(tmp_path, copy):
    (tmp_path / "course").symlink_to(ROOT, target_is_directory=True)
    (tmp_path / "lessons").symlink_to(NOTEBOOKS, target_is_directory=True)
    folders = [NOTEBOOKS, ROOT, *(tmp_path / name for name in ("course", "course/notebooks", "lessons")),
               copy / "notebooks", copy]
    start = only_set_up(FIRST).cells[0].source
    code = f"""
import os, sys
path = sys.path[:]
for folder in {list(map(str, folders))}:
    os.chdir(folder)
    sys.path[:] = path
    sys.path_importer_cache.clear()
    sys.modules.pop("utils", None)
    exec({start!r})
    import utils
    print(len(utils.load_digits().train_x), utils.ROOT)"""
    assert python(code, tmp_path) == (0, "".join(f"500 {root}\n" for root in [ROOT.resolve()] * 5 + [copy.resolve()] * 2))


def test_a_notebook_elsewhere_or_a_link_to_it_says_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / FIRST.name).symlink_to(FIRST)
    with pytest.raises(CellExecutionError) as error:
        run(only_set_up(tmp_path / FIRST.name), tmp_path)
    assert error.value.ename == "AssertionError"
    assert error.value.evalue.endswith("not one folder up: open this notebook inside the course.")


# ---------------------------------------------------------------- folders that may not be written, disks that are full

def obey():
    """Let the permissions of files bind root too, in the program that is about to start (root may ignore them)."""
    if os.getuid() == 0:
        PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture
def read_only(copy):
    """Switches a copy of the course, with one small notebook, to read-only and back."""
    for path in (copy / "notebooks").glob("*.ipynb"):
        path.unlink()
    write_book(copy, "01_a", "sys.path.insert(0, '..')\nimport utils\nlen(utils.load_digits().train_x)")

    def switch(on):
        for path in [copy, *copy.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222 if on else path.stat().st_mode | 0o200)
    switch(True)
    status, _ = python("open('new', 'w')", copy, preexec_fn=obey)
    if status == 0:
        switch(False)
        pytest.skip("permissions bind nobody here")
    yield SimpleNamespace(folder=copy, switch=switch)
    switch(False)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other permissions there")
def test_a_read_only_course(read_only):
    files = {path: path.read_bytes() for path in read_only.folder.rglob("*") if path.is_file()}
    tools = "import runpy, sys; sys.argv[1:] = '{}'.split(); runpy.run_path('tools/notebooks.py', run_name='__main__')"
    says = {"run": "build cannot be made (Permission denied): run this in a copy of the course that you may write to.",
            "refresh 01": "01_a.ipynb cannot be written (Permission denied), it is as it was: ",
            "publish ada/digits": "cannot be written (Permission denied), it is as it was: "}
    for command, text in says.items():
        status, said = python(tools.format(command), read_only.folder, preexec_fn=obey)
        assert status == 1 and text in said.splitlines()[-1] and "Traceback" not in said, said
    status, said = python("import utils; print(len(utils.load_digits().train_x)); utils.load_digits(dataset='full')",
                          read_only.folder, preexec_fn=obey)
    assert status == 1 and said.startswith("500\n")
    assert re.search(r"\nOSError: \S.*data cannot be written \(Permission denied\): let MNIST_ROOT name", said), said
    assert {path: path.read_bytes() for path in read_only.folder.rglob("*") if path.is_file()} == files
    read_only.switch(False)
    status, said = tool(read_only.folder, "publish", "ada/digits")
    assert status == 0 and "https://github.com/ada/digits" in code_of(*read_only.folder.glob("*/01_a.ipynb"))[0].source


WRITE = "from pathlib import Path\nfrom tools.notebooks import write\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit for a file's size")
def test_a_disk_that_is_full_leaves_the_old_notebook(tmp_path):
    (tmp_path / "a").write_text("old")
    code = WRITE + ("import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (5000, r.RLIM_INFINITY))\n"
                    f"write(Path({str(tmp_path / 'a')!r}), 'new' * 9999)")
    status, said = python(code)
    assert status == 1 and re.fullmatch(r".*a cannot be written \(File too large\), it is as it was: make room, .*\n", said)
    assert (tmp_path / "a").read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_two_that_refresh_at_once_leave_a_whole_notebook(tmp_path):
    code = WRITE + ("from itertools import count\nfrom time import time\nend = time() + 1.5\n"
                    f"for k in count():\n    write(Path({str(tmp_path / 'a')!r}), str(k % 10) * 300_000)\n"
                    "    if time() > end:\n        break")
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(python, [code, code])) == [(0, ""), (0, "")]
    text = (tmp_path / "a").read_text()
    assert text == text[0] * 300_000 and os.listdir(tmp_path) == ["a"]


# ---------------------------------------------------------------- interrupts

def test_a_refresh_that_is_stopped_leaves_the_old_notebook(course):           # noqa: F811
    path = write_book(course, "01_a", "import time\nopen('started', 'w').close()\ntime.sleep(60)")
    before = path.read_bytes()
    with subprocess.Popen([sys.executable, "tools/notebooks.py", "refresh"], cwd=course, text=True, start_new_session=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        end = time.monotonic() + 60
        while not (path.parent / "started").exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(.02)
        (path.parent / "started").unlink()
        os.killpg(process.pid, signal.SIGINT)          # as Ctrl-C in a terminal
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 1 and said.endswith("\nStopped.\n") and "Traceback" not in said, said
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


@pytest.fixture(scope="module")
def reader():
    """Somebody who reads notebook 04 with a kernel, as far as the training."""
    client = new_client(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]), timeout=600)

    def execute(source):
        cell = nbformat.v4.new_code_cell(source)
        client.execute_cell(cell, 0)
        return cell.outputs
    with client.setup_kernel():
        *above, training = cells_to_the_training()
        for cell in above:
            execute(cell.source)
        pid = json.loads(execute("import os; print(os.getpid())")[0].text)
        yield SimpleNamespace(execute=execute, training=training, interrupt=lambda: os.kill(pid, signal.SIGINT))


def cells_to_the_training():
    cells = code_of(NOTEBOOKS / "04_linear_model.ipynb")
    at = next(k for k, cell in enumerate(cells) if "= train(w / 10" in cell.source)
    return cells[:at + 1]


def is_as_committed(reader):
    again = reader.execute(reader.training.source)
    assert [output.data["text/plain"] for output in again] == [output.data["text/plain"] for output in reader.training.outputs]


EDGE = """
import signal, time
class Edge(torch.no_grad):
    def __{method}__(self, *args):
        {before}
        signal.raise_signal(signal.SIGINT)
        {after}
true, torch.no_grad = torch.no_grad, Edge
"""
TURN = "super().__{method}__(*args)"


@pytest.mark.parametrize("method, before, after", [("enter", TURN.format(method="enter"), "pass"),
                                                   ("exit", "pass", TURN.format(method="exit"))])
def test_an_interrupt_at_the_edge_of_no_grad_leaves_autograd_on(reader, method, before, after):
    reader.execute(EDGE.format(method=method, before=before, after=after))
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        reader.execute(reader.training.source)
    reader.execute("torch.no_grad = true")
    is_as_committed(reader)


def test_an_interrupt_in_the_middle_of_training_leaves_a_usable_state(reader):
    endless = reader.training.source.replace("lr, epochs,", "lr, 10 ** 9,")
    assert endless != reader.training.source
    for wait in (.1, .2, .3):
        timer = threading.Timer(wait, reader.interrupt)
        timer.start()
        with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
            reader.execute(endless)
        is_as_committed(reader)
