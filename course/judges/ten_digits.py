"""The exercises of the notebook about ten digits."""
from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn

from course.exercises import a_kind, compared, need, same, tried
from course.judges.linear_model import Without, whole
from course.judges.mini_batch_sgd import path, some_parameters


def some_scores() -> tuple:
    """Scores of a few digits, many of them equal and now and then all nan; labels; and a k."""
    preds = torch.randint(4, (whole(1, 9), whole(2, 6))).float()
    preds[torch.rand(len(preds)) < .1] = torch.nan
    return preds, torch.randint(preds.shape[1], (len(preds),)), whole(1, preds.shape[1])


@compared(cases=lambda: [(torch.tensor([[2., 3., 1.], [0., 5., 9.]]), torch.tensor([0, 0]), 2)],
          random=some_scores, tries=30, mistakes={
    "order decides": lambda preds, y, k: (preds.topk(k, 1).indices == y[:, None]).any(1).float().mean(),
    "ties count": lambda *case: top_k_accuracy(*case, lambda preds, right, k: (preds > right).sum(1) < k),
    "nan counts": lambda *case: top_k_accuracy(*case, lambda preds, right, k: (preds >= right).sum(1) <= k)})
def top_k_accuracy(preds, y, k, found=lambda preds, right, k: (preds < right).sum(1) >= preds.shape[1] - k):
    return found(preds, preds.gather(1, y[:, None]), k).float().mean()


def wild_scores() -> tuple:
    """Scores of a few digits, on a scale of their own in each row, up to thousands; labels; and how much to smooth."""
    preds = torch.randn(n := whole(1, 6), classes := whole(2, 6)) * 10. ** torch.randint(-1, 4, (n, 1))
    return preds, torch.randint(classes, (n,)), [0., .1, .3, 1.][whole(0, 3)]


def by_hand(answer, *case):
    with Without(["cross_entropy"], "this is PyTorch's version; here write it by hand, from the scores."):
        return answer(*case)


@compared(cases=lambda: [(torch.tensor([[2., 1., -1.], [0., 1., 0.]]), torch.tensor([0, 2]), .3)],
          random=wild_scores, probe=by_hand, mistakes={
    "rounded to 0": lambda *case: smoothed_cross_entropy(*case, log_p=lambda preds, axis: preds.softmax(axis).log()),
    "only the others": lambda *case: smoothed_cross_entropy(*case, lambda s, n: (1 - s, s / (n - 1))),
    "not the label": lambda *case: smoothed_cross_entropy(*case, lambda s, n: (1 - s, s / n))})
def smoothed_cross_entropy(preds, y, smoothing, spread=lambda s, n: (1 - s + s / n, s / n), log_p=F.log_softmax):
    """spread: the targets of the label and of each other one of n classes; log_p: the logarithms of the probabilities."""
    right, other = spread(smoothing, preds.shape[1])
    targets = other + (right - other) * F.one_hot(y, preds.shape[1])
    return -(targets * log_p(preds, 1)).sum(1).mean()


def some_probabilities() -> tuple:
    """Probabilities whose highest is some eighths and has no equal, labels, and a range whose ends are eighths."""
    n, classes, low = whole(1, 8), whole(3, 5), whole(0, 7)
    top, said = torch.randint(3, 9, (n, 1)) / 8, torch.randint(classes, (n, 1))
    p = ((1 - top) / (classes - 1)).repeat(1, classes).scatter(1, said, top)
    y = torch.where(torch.rand(n) < .5, said[:, 0], torch.randint(classes, (n,)))
    return p, y, low / 8, whole(low + 1, 8) / 8


@compared(cases=lambda: [(torch.tensor([[.7, .2, .1], [.6, .3, .1], [0., 1., 0.]]), torch.tensor([0, 1, 1]), .5, .8)],
          random=some_probabilities, tries=30, mistakes={
    "of the label": lambda p, y, low, high: right_when_sure(p, y, low, high, p.gather(1, y[:, None])[:, 0]),
    "by all digits": lambda p, y, low, high: ((p.argmax(1) == y) & (low < p.amax(1)) & (p.amax(1) <= high)).float().mean(),
    "from low on": lambda p, y, low, high: right_when_sure(p, y, low - 1e-6, high),
    "0 without any": lambda *case: right_when_sure(*case).nan_to_num(0.)})
def right_when_sure(p, y, low, high, sure=None):
    sure = p.amax(1) if sure is None else sure
    return (p.argmax(1) == y)[(low < sure) & (sure <= high)].float().mean()


@compared(cases=lambda: [([torch.tensor([2.])], .1, .5)], random=some_parameters, probe=path, seconds=60, mistakes={
    "added to the slopes": lambda params, lr, decay: torch.optim.Adam(params, lr, weight_decay=decay),
    "no decay": lambda params, lr, decay: torch.optim.Adam(params, lr),
    "without the rate": lambda params, lr, decay: torch.optim.AdamW(params, lr, weight_decay=decay / lr)})
class AdamW(torch.optim.AdamW):
    """PyTorch's own."""
    def __init__(self, params, lr, decay):
        super().__init__(params, lr=lr, weight_decay=decay)


def new_net(hidden: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def strange_files(trap: Path) -> dict[str, bytes]:
    """What save_net has not written: what is in it, and the bytes. Two would make the folder `trap` if they could."""
    class Call:
        """Whoever loads its pickle makes a folder."""
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    numbers, settings = new_net(5, 3).state_dict(), '{"hidden": 5, "digits": [1, 2, 8]}'
    fewer = {name: tensor for name, tensor in numbers.items() if name != "2.bias"}
    texts = {"settings in Python, with a call in them": f"__import__('os').mkdir({str(trap)!r})",
             "settings that are one number": "7", "two digits in its settings, and three scores": settings.replace(", 8", "")}
    return {"a pickle with a call in it": pickle.dumps(Call()), "no settings at all": save(numbers), "no bytes in it": b"",
            "the last bias missing": save(fewer, {"settings": settings}),
            "its second half missing": save(numbers, {"settings": settings})[:8000],
            **{what: save(numbers, {"settings": text}) for what, text in texts.items()}}


@tried(seconds=30)
def load_net(answer):
    with TemporaryDirectory() as name:
        path, trap, x = Path(name) / "a.net", Path(name) / "trap", torch.rand(4, 784)
        for hidden, digits in ((30, list(range(10))), (7, [3, 7]), (2, [9, 4, 1])):
            saved, settings = new_net(hidden, len(digits)), json.dumps({"hidden": hidden, "digits": digits})
            path.write_bytes(save(saved.state_dict(), {"settings": settings}))
            got, what = answer(str(path)), f"for a net with {hidden} hidden units and the digits {digits}"
            pair = isinstance(got, (tuple, list)) and len(got) == 2 and isinstance(got[0], nn.Module)
            need(pair, f"{a_kind(got)} comes back. A pair is wanted: first the model, then the digits.")
            need(same(got[1], digits), f"{what}, {str(got[1])[:60]} comes back as the digits. They stand in the settings of "
                 "the file, in the order of the scores.")
            need(same(got[0](x), saved(x)), f"{what}, the model gives other scores than the one that was saved. Is it filled "
                 "with the numbers of the file, and are its layers the same?")
        for what, data in strange_files(trap).items():
            path.write_bytes(data)
            try:
                error, _ = None, answer(str(path))
            except Exception as raised:
                error = raised
            need(not trap.exists(), f"your code has just run what a stranger wrote into a file: it made a folder, and it could "
                 f"have deleted yours. That was a file with {what}. Texts are read by json.loads; a pickle is never loaded.")
            need(error is not None, f"a file with {what} is accepted. It should be refused, with a ValueError.")
            need(isinstance(error, ValueError) and str(error).strip(), f"a file with {what} ends with {type(error).__name__}"
                 f"{'' if str(error).strip() else ' without a text'}. Raise a ValueError that says what is wrong with it.")
