"""The net that the course ends up with, trained as in the notebook more_variety: to show it, not to learn from.

`python -m course.finished` trains it again and stores it, in six seconds.
"""
from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

WEIGHTS = Path(__file__).with_name("finished.safetensors")


def finished_net() -> nn.Sequential:
    """The 784-30-1 net for rows (n, 784) of pixels, with scores (n, 1): above 0 it is a 3, else a 7."""
    net = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    net.load_state_dict(load_file(WEIGHTS))
    return net


def train() -> nn.Sequential:
    """The same net, trained from the start: 500 bundled 3s and 7s, 100 epochs, changed at random, a falling rate."""
    from utils import Batches, WiggledBatches, as_xy, fit, load_digits
    digits = load_digits((3, 7), "bundled")
    (x, y), (vx, vy) = as_xy(*digits[:2], 3), as_xy(*digits[2:], 3)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    opt = torch.optim.SGD(net.parameters(), lr=.3)
    falling = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, 100)
    torch.manual_seed(0)
    fit(net, opt, WiggledBatches(x, y, 32, shuffle=True, seed=0), Batches(vx, vy, 500), 100, falling)
    return net


if __name__ == "__main__":
    save_file(train().state_dict(), WEIGHTS)
