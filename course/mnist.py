"""MNIST's files: where they lie, whether they are whole, how they are downloaded."""
from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent


def folder_of(dataset: str) -> Path:
    """The folder that holds MNIST/raw with the files of a dataset; a relative MNIST_ROOT counts from the course's root."""
    own_root = os.environ.get("MNIST_ROOT") if dataset == "full" else None
    return ROOT / os.path.expanduser(own_root) if own_root else ROOT / "data" / dataset


def read_idx(dataset: str, name: str) -> Tensor:
    """One of a dataset's four IDX files as a tensor of bytes, after comparing its SHA-256.

    An IDX file holds two zeros, the type (8), the number of axes, their lengths, and the values. torchvision reads it as
    well, but importing that takes longer than all the rest (a test compares the two). Raises ValueError for a damaged
    file, FileNotFoundError for a missing one, OSError for one that cannot be read; see `download` for the full digits.
    """
    folder, again = folder_of(dataset), "run  git checkout data  to bring it back"
    if dataset == "bundled":
        mend = again
    elif os.environ.get("MNIST_ROOT"):
        mend = "let MNIST_ROOT name a folder with a good MNIST/raw in it, or unset it to download the files"
    else:
        mend = "delete data/full and load again, or let MNIST_ROOT name a folder that holds MNIST/raw"
        if not os.path.lexists(folder):
            download(folder)
    file, known = folder / "MNIST" / "raw" / name, _bytes(ROOT / "data" / "SHA256SUMS", again).decode("utf-8", "replace")
    content = _bytes(file, mend)
    if f"{hashlib.sha256(content).hexdigest()}  {dataset}/MNIST/raw/{name}" not in known.splitlines():
        raise ValueError(f"{file} is damaged (its checksum is not the one in data/SHA256SUMS): {mend}.")
    axes = content[3]
    shape = [int.from_bytes(content[at:at + 4], "big") for at in range(4, 4 + 4 * axes, 4)]
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=4 + 4 * axes).reshape(shape)


def _bytes(file: Path, mend: str) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{file} is missing: {mend}.") from None
    except OSError as error:
        raise OSError(f"{file} cannot be read ({error.strerror}): {mend}.") from None


def download(folder: Path) -> None:
    """Let torchvision download MNIST beside `folder`; it takes the name only when it is complete.

    Raises ConnectionError, or OSError where the disk is full or the folder cannot be written.
    """
    from torchvision.datasets import MNIST
    half = folder.parent / f".download-{os.getpid()}"
    try:
        MNIST(half, download=True)
        for archive in half.glob("MNIST/raw/*.gz"):
            archive.unlink()
        if not folder.exists():                                  # else another kernel was faster
            half.rename(folder)
    except Exception as error:
        kind, mend = ConnectionError, "connect to the network"
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            kind, mend = OSError, "make room on the disk"
        elif getattr(error, "filename", None):                   # it was a file's fault
            kind, mend = OSError, f"see to it that {folder} can be written"
        cause = (str(error).strip() or repr(error)).splitlines()[-1]
        raise kind(f"The full MNIST could not be downloaded: {mend} and try again, or let MNIST_ROOT name a folder that "
                   f"holds MNIST/raw. The bundled digits need neither (DIGITS=bundled). The cause: {cause}") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)
