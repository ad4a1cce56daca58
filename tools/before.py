"""Says what keeps the course from being installed here, before anything is downloaded: python3 tools/before.py

It runs with any Python 3, also with one that is too old for the course.
"""
import importlib.util
import os
import platform
import shutil
import sys


def obstacle(version=sys.version_info, bits=sys.maxsize.bit_length() + 1, system=platform.system(), machine=platform.machine(),
             free=shutil.disk_usage(".").free, parts=("venv", "ensurepip")):
    """The first thing in the way, as a sentence with a way out; "" when there is none."""
    needed = 7 if system == "Linux" and "cpu" not in (os.environ.get("TORCH"), os.environ.get("UV_TORCH_BACKEND")) else 2
    python = ".".join(map(str, version[:2]))
    if not (3, 10) <= tuple(version[:2]) <= (3, 13):
        return ("The course needs Python 3.10 or newer, up to 3.13; this is " + python + ". Install one and name it: "
                "make PYTHON=python3.12 lab")
    if bits < 64:
        return "This Python has 32 bits, and there is no PyTorch for it: install the 64-bit Python " + python + "."
    if system == "Darwin" and machine == "x86_64":
        return ("There is no current PyTorch for Macs with an Intel processor, or for a Python that runs under Rosetta: use "
                "Colab, or on an Apple processor its own Python.")
    missing = [part for part in parts if not importlib.util.find_spec(part)]
    if missing:
        return "This Python has no " + missing[0] + ": install it (Debian, Ubuntu: apt install python3-venv) and try again."
    if free < needed * 1e9:
        return ("There are {:.1f} GB free on this disk, and about {} are needed: make room".format(free / 1e9, needed)
                + (", or install the PyTorch without CUDA: TORCH=cpu make lab." if needed > 2 else "."))
    return ""


if __name__ == "__main__":
    sys.exit(obstacle() or 0)
