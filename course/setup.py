"""What a notebook checks before it begins: PyTorch, the files around it, and its knobs."""
from __future__ import annotations

import importlib.util
import math
import platform
import sys
from pathlib import Path

try:
    import torch
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise ImportError("PyTorch is missing: choose the kernel .venv, or run  make lab , or  pip install -r requirements.txt." + (
        " For Macs with an Intel processor, and for macOS before 14, there is no current PyTorch: use Colab."
        if platform.system() == "Darwin" else "")) from None

ROOT = Path(__file__).resolve().parent.parent

if tuple(map(int, torch.__version__.split("+")[0].split(".")[:2])) < (2, 6):
    raise ImportError(f"The course needs PyTorch 2.6 or newer, this is {torch.__version__}: run  pip install --upgrade torch  "
                      "and restart the kernel.")

for _name in ("utils", "tools"):
    _spec = sys.modules[_name].__spec__ if _name in sys.modules else importlib.util.find_spec(_name)
    _found = Path(_spec.origin or "") if _spec else None
    if _found and ROOT not in _found.resolve().parents:
        raise ImportError(f"Another {_name} is in the way, {_found}: rename it, or start Python in another folder, and restart "
                          "the kernel.")


def check_knobs(**knobs) -> None:
    """Raise a ValueError with a sentence for the first setting of a notebook that will not do.

    digits: two different ones. device: one that this PyTorch can use. hidden, batch_size: whole numbers from 1 up; all
    others are numbers from 0 up, and whole ones unless their name ends in lr.
    """
    devices = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    here = [name for name, there in devices.items() if there]
    for name, value in knobs.items():
        least, whole = int(name in ("hidden", "batch_size")), not name.endswith("lr")
        if name == "device":
            mend = value not in here and f"here you can use {' or '.join(map(repr, here))}"
        elif name == "digits":
            pair = (isinstance(value, (tuple, list)) and len(value) == 2 and all(digit in range(10) for digit in value)
                    and value[0] != value[1])
            mend = not pair and "name two different digits from 0 to 9, such as (3, 7)"
        else:
            number = isinstance(value, int if whole else (int, float)) and least <= value < math.inf
            mend = not number and f"it is a {'whole ' * whole}number from {least} up"
        if mend:
            raise ValueError(f"{name}={value!r} will not do: {mend}.")
