"""The exercises of the notebook about ten digits."""
from __future__ import annotations

import io
import json
import os
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


def ahead(preds, y, k, compare=torch.lt):
    """How many classes have a score that is lower than that of the right one, for each digit."""
    return compare(preds, preds.gather(1, y[:, None])).sum(1)


@compared(
    cases=lambda: [(torch.tensor([[2., 3., 1.], [0., 5., 9.]]), torch.tensor([0, 0]), 2)], random=some_scores, tries=30,
    mistakes={
        "where scores tie, it depends on their order whether the right digit is found. Count the classes with a lower score, "
        "instead of sorting.": lambda preds, y, k: (preds.topk(k, 1).indices == y[:, None]).any(1).float().mean(),
        "a digit counts as found although it only ties with others. Whoever ties with the right digit stands ahead of it.":
            lambda preds, y, k: (ahead(preds, y, k, torch.gt) < k).float().mean(),
        "a model whose scores have become nan comes out as right. nan is neither below nor above any number, so count what "
        "speaks for the right digit: the classes with a lower score.":
            lambda preds, y, k: (ahead(preds, y, k, torch.ge) <= k).float().mean(),
        "this is the plain accuracy, and k has no part in it.": lambda preds, y, k: (preds.argmax(1) == y).float().mean()})
def top_k_accuracy(preds, y, k):
    return (ahead(preds, y, k) >= preds.shape[1] - k).float().mean()


def wild_scores() -> tuple:
    """Scores of a few digits, on a scale of their own in each row, up to thousands; labels; and how much to smooth."""
    preds = torch.randn(n := whole(1, 6), classes := whole(2, 6)) * 10. ** torch.randint(-1, 4, (n, 1))
    return preds, torch.randint(classes, (n,)), [0., .1, .3, 1.][whole(0, 3)]


def mixed(preds, y, right, others):
    """The loss for targets with `right` at the label and `others` at each other class."""
    logs = F.log_softmax(preds, 1)
    return -((right - others) * logs.gather(1, y[:, None])[:, 0] + others * logs.sum(1)).mean()


def by_hand(answer, *case):
    with Without(["cross_entropy"], "this is PyTorch's version; here write it by hand, from the scores."):
        return answer(*case)


@compared(
    cases=lambda: [(torch.tensor([[2., 1., -1.], [0., 1., 0.]]), torch.tensor([0, 2]), .3)], random=wild_scores,
    probe=by_hand,
    mistakes={
        "a probability is rounded to 0 before the logarithm sees it, so wild scores give infinity or nan. Start from log p = "
        "score - log_sum_exp, as in the lesson.":
            lambda preds, y, s: -(((1 - s) * F.one_hot(y, preds.shape[1]) + s / preds.shape[1])
                                  * preds.softmax(1).log()).sum(1).mean(),
        "only the other classes get a part of what is spread. Here the label gets its part as well: divide by the number of "
        "all classes.": lambda preds, y, s: mixed(preds, y, 1 - s, s / (preds.shape[1] - 1)),
        "the others get their part, but the label keeps only 1 - smoothing. It gets a part of what is spread as well.":
            lambda preds, y, s: mixed(preds, y, 1 - s, s / preds.shape[1]),
        "the labels are not smoothed: this is the plain cross-entropy.": lambda preds, y, s: mixed(preds, y, 1, 0)})
def smoothed_cross_entropy(preds, y, smoothing):
    return mixed(preds, y, 1 - smoothing + smoothing / preds.shape[1], smoothing / preds.shape[1])


def some_probabilities() -> tuple:
    """Probabilities whose highest is some eighths and has no equal, labels, and a range whose ends are eighths."""
    n, classes, low = whole(1, 8), whole(3, 5), whole(0, 7)
    top, said = torch.randint(3, 9, (n, 1)) / 8, torch.randint(classes, (n, 1))
    p = ((1 - top) / (classes - 1)).repeat(1, classes).scatter(1, said, top)
    y = torch.where(torch.rand(n) < .5, said[:, 0], torch.randint(classes, (n,)))
    return p, y, low / 8, whole(low + 1, 8) / 8


def right_among(p, y, low, high, inside=lambda sure, low, high: (low < sure) & (sure <= high)):
    sure, said = p.max(1)
    return (said == y)[inside(sure, low, high)].float().mean()


@compared(
    cases=lambda: [(torch.tensor([[.7, .2, .1], [.6, .3, .1], [.1, .2, .7], [0., 1., 0.]]), torch.tensor([0, 1, 2, 1]), .5, .8),
                   (torch.tensor([[.75, .25]]), torch.tensor([0]), .5, .625)], random=some_probabilities, tries=30,
    mistakes={
        "you look at the probability of the label. The model does not know the label: how sure it is of its own answer is the "
        "highest probability of the row.":
            lambda p, y, low, high: (lambda q: (p.argmax(1) == y)[(low < q) & (q <= high)].float().mean())(
                p.gather(1, y[:, None])[:, 0]),
        "this is divided by all digits. Divide by those whose probability lies in the range.":
            lambda p, y, low, high: ((p.argmax(1) == y) & (low < p.amax(1)) & (p.amax(1) <= high)).float().mean(),
        "an answer with exactly the probability `low` is counted. The range begins above it, so that no answer lies in two "
        "ranges.": lambda p, y, low, high: right_among(p, y, low, high, lambda sure, a, b: (a <= sure) & (sure <= b)),
        "0 comes out where no answer lies in the range. That would say that all of them were wrong. There were none: the "
        "fraction has no value, nan.": lambda p, y, low, high: right_among(p, y, low, high).nan_to_num(0.)})
def right_when_sure(p, y, low, high):
    return right_among(p, y, low, high)


@compared(
    cases=lambda: [([torch.tensor([2.]), torch.tensor([-1.])], .1, .5)], random=some_parameters, probe=path, seconds=60,
    mistakes={
        "the decay is added to the slopes, and then Adam divides it away like any slope. Let it act on the parameter itself.":
            lambda params, lr, decay: torch.optim.Adam(params, lr, weight_decay=decay),
        "nothing decays: this is the path of Adam.": lambda params, lr, decay: torch.optim.Adam(params, lr),
        "the decay acts without the learning rate: the factor is 1 - lr · decay.":
            lambda params, lr, decay: torch.optim.AdamW(params, lr, weight_decay=decay / lr)})
class AdamW(torch.optim.AdamW):
    """PyTorch's own."""
    def __init__(self, params, lr, decay):
        super().__init__(params, lr=lr, weight_decay=decay)


class Call:
    """A call that a pickle makes when it is loaded: it makes a folder."""
    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def new_net(hidden: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def strange_files(trap: Path) -> dict[str, bytes]:
    """What save_net has not written: what it is, and the bytes. Two would make the folder `trap` if they could."""
    good, settings, pickled = new_net(5, 3).state_dict(), {"hidden": 5, "digits": [1, 2, 8]}, io.BytesIO()
    torch.save(Call(trap), pickled)

    def file(text, tensors=good):
        return save(tensors, text and {"settings": text})
    return {"a pickle with a call in it": pickled.getvalue(), "no settings at all": file(None),
            "settings in Python, with a call in them": file(f"__import__('os').mkdir({str(trap)!r})"),
            "settings that are one number": file("7"), "no bytes in it": b"",
            "two digits in its settings, and three scores": file(json.dumps(settings | {"digits": [1, 2]})),
            "the last bias missing": file(json.dumps(settings), {k: v for k, v in good.items() if k != "2.bias"}),
            "its second half missing": file(json.dumps(settings))[:8000]}


@tried(seconds=30,
    )
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
