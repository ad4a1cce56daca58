"""The playground of the web book, where a reader trains the models in the browser, and sliders that move on the pages.

write_playground(site) writes the page, its scripts and their numbers into a finished site. The JavaScript is in live/.
"""
import base64
import json
import re
import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from course.finished import finished_net
from tools.notebooks import notebooks, read, slug
from utils import Batches, as_xy, fit, load_digits

LIVE = Path(__file__).with_name("live")
SCRIPTS = ["train.js", "worker.js", "playground.js", "sliders.js"]


def packed(images: Tensor) -> str:
    """Pixels in 0…1 as bytes in base64; up to 255 black ones in a row become a 0 and their number."""
    pixels = bytes((images.flatten() * 255).round().byte().tolist())
    runs = re.sub(rb"\0{1,255}", lambda run: bytes([0, len(run[0])]), pixels)
    return base64.b64encode(runs).decode()


def digits_js() -> str:
    """The bundled 3s and 7s, 500 to learn from and 500 to validate with, as a script: that works without a server."""
    digits = load_digits((3, 7), "bundled")
    return f'globalThis.COURSE_DIGITS = "{packed(torch.cat([digits.train_x, digits.valid_x]))}";\n'
