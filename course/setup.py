"""What a notebook checks before it begins: PyTorch, the files around it, its knobs."""
from __future__ import annotations

import math

import torch

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
