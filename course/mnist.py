"""MNIST's files: where they lie, whether they are whole, how they are downloaded."""
from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent


def folder_of(dataset: str) -> Path:
    """The folder that holds MNIST/raw with the files of a dataset; a relative MNIST_ROOT counts from the course's root."""
    own_root = os.environ.get("MNIST_ROOT") if dataset == "full" else None
    return ROOT / os.path.expanduser(own_root) if own_root else ROOT / "data" / dataset


def _read(file: Path, mend: str) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{file} is missing: {mend}.") from None
    except OSError as error:
        raise OSError(f"{file} cannot be read ({error.strerror}): {mend}.") from None


def _files(dataset: str) -> dict[str, bytes]:
    """The four IDX files of a dataset by name, after comparing their SHA-256."""
    folder, files, again = folder_of(dataset), {}, "run  git checkout data  to bring it back"
    known = _read(ROOT / "data" / "SHA256SUMS", again).split(b"\n")
    if dataset == "bundled":
        mend = again
    elif os.environ.get("MNIST_ROOT"):
        mend = "let MNIST_ROOT name a folder with a good MNIST/raw in it, or unset it to download the files"
    else:
        mend = "delete data/full and load again, or let MNIST_ROOT name a folder that holds MNIST/raw"
        if not os.path.lexists(folder):
            _download(folder)
    for file in [folder / "MNIST" / "raw" / f"{part}-{kind}-ubyte" for part in ("train", "t10k")
                 for kind in ("images-idx3", "labels-idx1")]:
        files[file.name] = _read(file, mend)
        sha = hashlib.sha256(files[file.name]).hexdigest()
        if f"{sha}  {dataset}/MNIST/raw/{file.name}".encode() not in known:
            raise ValueError(f"{file} is damaged (its checksum is not the one in data/SHA256SUMS): {mend}.")
    return files


def _from_idx(data: bytes) -> Tensor:
    """The tensor of bytes in an IDX file: two zeros, the type (8), the number of axes, their lengths, the values.

    torchvision.datasets.MNIST does the same, but importing it takes longer than all the rest (a test compares them).
    """
    axes = data[3]
    shape = [int.from_bytes(data[at:at + 4], "big") for at in range(4, 4 + 4 * axes, 4)]
    return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=4 + 4 * axes).view(shape)


def _download(folder: Path) -> None:
    """Let torchvision download MNIST beside `folder`; it takes the name only when it is complete."""
    from urllib.error import URLError
    from torchvision.datasets import MNIST
    try:
        folder.parent.mkdir(exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".download-", dir=folder.parent))
    except OSError as error:
        raise OSError(f"{folder.parent} cannot be written ({error.strerror}): let MNIST_ROOT name a folder that "
                      "holds MNIST/raw, or use the bundled digits (DIGITS=bundled).") from None
    try:
        MNIST(half, download=True)
        for archive in half.glob("MNIST/raw/*.gz"):
            archive.unlink()
        try:
            half.rename(folder)
        except OSError:
            if not folder.exists():                              # else another kernel was faster
                raise
    except Exception as error:
        kind, mend = ConnectionError, "connect to the network"
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            kind, mend = OSError, "make room on the disk"
        elif getattr(error, "filename", None) and not isinstance(error, URLError):     # it was a file's fault
            kind, mend = OSError, f"see to it that {folder} can be written"
        cause = (str(error).strip() or repr(error)).splitlines()[-1]
        raise kind(f"The full MNIST could not be downloaded: {mend} and try again, or let MNIST_ROOT name a folder that "
                   f"holds MNIST/raw. The bundled digits need neither (DIGITS=bundled). The cause: {cause}") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)


def read_idx(dataset: str, name: str) -> Tensor:
    return _from_idx(_files(dataset)[name])
