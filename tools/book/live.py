"""What the web book's pad needs to answer without Python: the parameters of three models, as text that a browser reads."""
import base64
import json

import torch
from torch import Tensor, nn

from course.finished import finished_net
from course.pad import DrawPad
from utils import Batches, as_xy, fit, load_digits


def linear_model() -> nn.Linear:
    """The linear model of the notebook mini_batch_sgd, trained on the 500 bundled 3s and 7s, in a second."""
    digits = load_digits((3, 7), "bundled")
    (x, y), (vx, vy) = as_xy(*digits[:2], 3), as_xy(*digits[2:], 3)
    torch.manual_seed(0)
    model = nn.Linear(784, 1)
    fit(model, torch.optim.SGD(model.parameters(), lr=.1), Batches(x, y, 32, shuffle=True), Batches(vx, vy, 500), 40)
    return model


def parameters() -> dict[str, Tensor]:
    """All numbers of the three models: the net's w1, b1, w2, b2, the linear model's w and b, the two mean digits."""
    net, linear, digits = finished_net(), linear_model(), load_digits((3, 7), "bundled")
    means = (digits.train_x[digits.train_y == digit].mean(0) for digit in (3, 7))
    named = zip(("w1", "b1", "w2", "b2", "w", "b", "mean3", "mean7"), (*net.parameters(), *linear.parameters(), *means))
    return {name: numbers.detach() for name, numbers in named}


def as_base64(numbers: Tensor) -> str:
    """Numbers as float32, the lowest byte first, in base64."""
    return base64.b64encode(numbers.numpy().astype("<f4").tobytes()).decode()


def data_js() -> str:
    """A script that holds the parameters: a page may load it from a folder, without a server."""
    stored = {name: as_base64(numbers) for name, numbers in parameters().items()}
    return f"globalThis.COURSE_DATA = {json.dumps(stored, indent=0)};\n"


def drawpad_js() -> str:
    """The drawing pad of the notebooks, course/pad.py, as a script for a page."""
    code, _, end = DrawPad._esm.rpartition("export default")
    assert end.split() == ["{", "render", "};"], "the pad exports something else"
    return f'globalThis.drawPad = (() => {{\n"use strict";\n{code}\nreturn render;\n}})();\n'
