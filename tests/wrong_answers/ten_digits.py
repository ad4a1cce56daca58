import json

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file
from torch import nn

from tests.wrong_answers import wrong


# ---------------------------------------------------------------- top_k_accuracy

@wrong("where scores tie, it depends on their order")
def top_k_accuracy(preds, y, k):
    best = preds.topk(k, 1).indices
    return (best == y[:, None]).any(1).float().mean()


@wrong("Count the classes with a lower score instead of sorting")
def top_k_accuracy(preds, y, k):
    best = preds.sort(dim=1, descending=True, stable=True).indices[:, :k]
    return sum((row == digit).any().float() for row, digit in zip(best, y)) / len(y)


@wrong("it only ties with others")
def top_k_accuracy(preds, y, k):
    right = preds[torch.arange(len(y)), y]
    ahead = (preds > right[:, None]).sum(1)
    return (ahead < k).float().mean()


@wrong("scores have become nan comes out as right")
def top_k_accuracy(preds, y, k):
    right = preds[torch.arange(len(y)), y]
    place = (preds >= right[:, None]).sum(1)
    return (place <= k).float().mean()


@wrong("one place is missing")
def top_k_accuracy(preds, y, k):
    right = preds[torch.arange(len(y)), y]
    return ((preds < right[:, None]).sum(1) > preds.shape[1] - k).float().mean()


@wrong("this is the plain accuracy")
def top_k_accuracy(preds, y, k):
    return (preds.max(1).indices == y).float().mean()


@wrong("the mean is taken over all k places")
def top_k_accuracy(preds, y, k):
    best = torch.topk(preds, k, dim=1)[1]
    return (best == y.unsqueeze(1)).float().mean()


@wrong("only the k-th place is looked at")
def top_k_accuracy(preds, y, k):
    return (preds.topk(k).indices[:, k - 1] == y).float().mean()


@wrong("among the lowest scores")
def top_k_accuracy(preds, y, k):
    lowest = preds.argsort(dim=1, stable=True)[:, :k]
    return (lowest == y[:, None]).any(1).float().mean()


@wrong("this is a number of digits")
def top_k_accuracy(preds, y, k):
    right = preds[torch.arange(len(y)), y]
    return ((preds < right[:, None]).sum(1) >= preds.shape[1] - k).sum()


@wrong("one answer for each digit comes out")
def top_k_accuracy(preds, y, k):
    right = preds[torch.arange(len(y)), y]
    return (preds < right[:, None]).sum(1) >= preds.shape[1] - k


@wrong("each place is compared with the label of another digit")
def top_k_accuracy(preds, y, k):
    return (preds.topk(k, 1).indices == y).any(1).float().mean()


@wrong("ten classes are built in")
def top_k_accuracy(preds, y, k):
    right = preds[torch.arange(len(y)), y]
    return ((preds < right[:, None]).sum(1) >= 10 - k).float().mean()


# ---------------------------------------------------------------- smoothed_cross_entropy

@wrong("Subtract from each row its own largest score")
def smoothed_cross_entropy(preds, y, smoothing):
    s = preds - preds.max()
    logs = s - s.exp().sum(1, keepdim=True).log()
    return -((1 - smoothing) * logs[torch.arange(len(y)), y] + smoothing * logs.mean(1)).mean()


@wrong("one number for each digit comes out")
def smoothed_cross_entropy(preds, y, smoothing):
    logs = F.log_softmax(preds, 1)
    return (1 - smoothing) * F.nll_loss(logs, y, reduction="none") - smoothing * logs.mean(1)


@wrong("this is PyTorch's version")
def smoothed_cross_entropy(preds, y, smoothing):
    return F.cross_entropy(preds, y, label_smoothing=smoothing)


@wrong("this is PyTorch's version")
def smoothed_cross_entropy(preds, y, smoothing):
    return nn.CrossEntropyLoss(label_smoothing=smoothing)(preds, y)


@wrong("a probability is rounded to 0 before the logarithm sees it")
def smoothed_cross_entropy(preds, y, smoothing):
    p = F.softmax(preds, 1)
    targets = F.one_hot(y, preds.shape[1]) * (1 - smoothing) + smoothing / preds.shape[1]
    return -(targets * p.log()).sum(1).mean()


@wrong("infinite by infinite has no value")
def smoothed_cross_entropy(preds, y, smoothing):
    p = preds.exp() / preds.exp().sum(-1, keepdim=True)
    targets = torch.full_like(preds, smoothing / preds.shape[1])
    targets[torch.arange(len(y)), y] += 1 - smoothing
    return -(targets * p.log()).sum(1).mean()


@wrong("an infinite number comes out for a score of 1000")
def smoothed_cross_entropy(preds, y, smoothing):
    total = preds.exp().sum(1).log()
    return (total - (1 - smoothing) * preds[torch.arange(len(y)), y] - smoothing * preds.mean(1)).mean()


@wrong("1e-09 keeps the probabilities away from 0")
def smoothed_cross_entropy(preds, y, smoothing):
    logs = (F.softmax(preds, 1) + 1e-9).log()
    return -((1 - smoothing) * logs[torch.arange(len(y)), y] + smoothing * logs.mean(1)).mean()


@wrong("the labels are not smoothed")
def smoothed_cross_entropy(preds, y, smoothing):
    return (preds.logsumexp(1) - preds[torch.arange(len(y)), y]).mean()


@wrong("only the other classes get a part")
def smoothed_cross_entropy(preds, y, smoothing):
    targets = torch.full_like(preds, smoothing / (preds.shape[1] - 1))
    targets[torch.arange(len(y)), y] = 1 - smoothing
    return -(targets * F.log_softmax(preds, 1)).sum(1).mean()


@wrong("but the label keeps only 1 - smoothing")
def smoothed_cross_entropy(preds, y, smoothing):
    targets = torch.full_like(preds, smoothing / preds.shape[1])
    targets[torch.arange(len(y)), y] = 1 - smoothing
    return -(targets * F.log_softmax(preds, 1)).sum(1).mean()


@wrong("the label keeps all of its 1")
def smoothed_cross_entropy(preds, y, smoothing):
    targets = torch.full_like(preds, smoothing / preds.shape[1])
    targets[torch.arange(len(y)), y] = 1
    return -(targets * F.log_softmax(preds, 1)).sum(1).mean()


@wrong("each class gets all of `smoothing`")
def smoothed_cross_entropy(preds, y, smoothing):
    targets = F.one_hot(y, preds.shape[1]) * (1 - smoothing) + smoothing
    return -(targets * F.log_softmax(preds, 1)).sum(1).mean()


@wrong("have changed places")
def smoothed_cross_entropy(preds, y, smoothing):
    logs = F.log_softmax(preds, 1)
    return -(smoothing * logs[torch.arange(len(y)), y] + (1 - smoothing) * logs.mean(1)).mean()


@wrong("ten classes are built in")
def smoothed_cross_entropy(preds, y, smoothing):
    logs = F.log_softmax(preds, 1)
    return -((1 - smoothing) * logs[torch.arange(len(y)), y] + smoothing / 10 * logs.sum(1)).mean()


@wrong("the losses of the digits are added up")
def smoothed_cross_entropy(preds, y, smoothing):
    logs = F.log_softmax(preds, 1)
    return -((1 - smoothing) * logs[torch.arange(len(y)), y] + smoothing * logs.mean(1)).sum()


@wrong("the mean is taken over digits and classes")
def smoothed_cross_entropy(preds, y, smoothing):
    targets = F.one_hot(y, preds.shape[1]) * (1 - smoothing) + smoothing / preds.shape[1]
    return -(targets * F.log_softmax(preds, 1)).mean()


@wrong("the probabilities are smoothed")
def smoothed_cross_entropy(preds, y, smoothing):
    p = F.softmax(preds, 1)[torch.arange(len(y)), y]
    return -((1 - smoothing) * p + smoothing / preds.shape[1]).log().mean()


# ---------------------------------------------------------------- right_when_sure

@wrong("you look at the probability of the label")
def right_when_sure(p, y, low, high):
    q = p[torch.arange(len(y)), y]
    chosen = (low < q) & (q <= high)
    return (p.argmax(1) == y)[chosen].float().mean()


@wrong("as soon as any class has a probability in the range")
def right_when_sure(p, y, low, high):
    chosen = ((low < p) & (p <= high)).any(1)
    return (p.argmax(1) == y)[chosen].float().mean()


@wrong("this is divided by all digits")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return ((said == y) & (sure > low) & (sure <= high)).sum() / len(y)


@wrong("How many of these are right?")
def right_when_sure(p, y, low, high):
    sure = p.max(1).values
    return ((sure > low) & (sure <= high)).float().mean()


@wrong("this is how sure the model is on average")
def right_when_sure(p, y, low, high):
    sure = p.amax(1)
    return sure[(sure > low) & (sure <= high)].mean()


@wrong("exactly the probability `low` is counted")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said == y)[(sure >= low) & (sure <= high)].float().mean()


@wrong("exactly the probability `high` is left out")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said == y)[(sure > low) & (sure < high)].float().mean()


@wrong("the ends of the range are the wrong way round")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said == y)[(sure >= low) & (sure < high)].float().mean()


@wrong("0 comes out where no answer lies in the range")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    chosen = (sure > low) & (sure <= high)
    return ((said == y) & chosen).sum() / chosen.sum().clamp(min=1)


@wrong("0 comes out where no answer lies in the range")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    chosen = (sure > low) & (sure <= high)
    return (said == y)[chosen].float().mean() if chosen.any() else 0


@wrong("this is a number of digits")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said == y)[(sure > low) & (sure <= high)].sum()


@wrong("`high` has no part in it")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said == y)[sure > low].float().mean()


@wrong("goes through softmax")
def right_when_sure(p, y, low, high):
    sure, said = F.softmax(p, 1).max(1)
    return (said == y)[(sure > low) & (sure <= high)].float().mean()


@wrong("this is the share of wrong answers")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said != y)[(sure > low) & (sure <= high)].float().mean()


@wrong("Mean and its like want floats")
def right_when_sure(p, y, low, high):
    sure, said = p.max(1)
    return (said == y)[(sure > low) & (sure <= high)].mean()


# ---------------------------------------------------------------- load_net

STRANGE = (SafetensorError, RuntimeError, LookupError, TypeError, ValueError)


def read(path, settings_of=json.loads, fill=None):
    """What the wrong answers have in common: settings, model, numbers."""
    with safe_open(path, "pt") as file:
        settings = settings_of(file.metadata()["settings"])
    hidden, digits = settings["hidden"], settings["digits"]
    model = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, len(digits)))
    (fill or (lambda model: model.load_state_dict(load_file(path))))(model)
    return model, digits


def refusing(path, *more):
    try:
        return read(path, *more)
    except STRANGE as error:
        raise ValueError(f"{path}: {error}") from None


@wrong("ends with TypeError. Catch that")
def load_net(path):
    return read(path)


@wrong("ends with SafetensorError. Catch that")
def load_net(path):
    try:
        return read(path)
    except (RuntimeError, LookupError, TypeError) as error:
        raise ValueError(f"{path} is no net of ours: {error}") from None


@wrong("your code has just run what a stranger wrote into a file")
def load_net(path):
    return refusing(path, eval)


@wrong("Never load a pickle that may hold calls")
def load_net(path):
    try:
        return read(path)
    except STRANGE:
        try:
            torch.load(path, weights_only=False)
        finally:
            raise ValueError(f"{path} is no safetensors file.")


@wrong("has the right size and other scores")
def load_net(path):
    return refusing(path, json.loads, lambda model: None)


@wrong("the numbers do not fit the model that you build")
def load_net(path):
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    model.load_state_dict(load_file(path))
    return model, list(range(10))


@wrong("torch.load reads what torch.save has written")
def load_net(path):
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 10))
    model.load_state_dict(torch.load(path, weights_only=True))
    return model, list(range(10))


@wrong("a key is asked for that is not there, 'hidden'")
def load_net(path):
    with safe_open(path, "pt") as file:
        settings = file.metadata()
    return nn.Linear(784, settings["hidden"]), settings["digits"]


@wrong("a good file is refused")
def load_net(path):
    raise ValueError(f"{path} is no net of ours.")


@wrong("the digits come back as [0, 1]")
def load_net(path):
    numbers = load_file(path)
    hidden, classes = len(numbers["0.bias"]), len(numbers["2.bias"])
    model = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    model.load_state_dict(numbers)
    return model, list(range(classes))


@wrong("a file with the last bias missing is accepted")
def load_net(path):
    return refusing(path, json.loads, lambda model: model.load_state_dict(load_file(path), strict=False))


@wrong("the pair of model and digits is wanted")
def load_net(path):
    return refusing(path)[0]


@wrong("the two have changed places")
def load_net(path):
    return refusing(path)[::-1]


@wrong("OrderedDict, and a model is wanted")
def load_net(path):
    model, digits = refusing(path)
    return model.state_dict(), digits


@wrong("the ValueError has no text")
def load_net(path):
    try:
        return read(path)
    except STRANGE:
        raise ValueError from None


@wrong("nothing comes back (None)")
def load_net(path):
    refusing(path)


@wrong("is accepted. It should be refused")
def load_net(path):
    try:
        return read(path)
    except STRANGE:
        return None


@wrong("ends with AssertionError")
def load_net(path):
    with safe_open(path, "pt") as file:
        assert file.metadata() is not None, "no settings"
    return refusing(path)


# ---------------------------------------------------------------- right answers in other styles

def top_k_accuracy(preds, y, k):
    found = 0
    for row, digit in zip(preds.tolist(), y.tolist()):
        found += len([score for score in row if score < row[digit]]) >= len(row) - k
    return found / len(y)


def smoothed_cross_entropy(preds, y, smoothing):
    logs = preds - preds.max(1, keepdim=True).values
    logs = logs - logs.exp().sum(1, keepdim=True).log()
    classes = preds.shape[1]
    targets = F.one_hot(y, classes) * (1 - smoothing) + smoothing / classes
    return -(targets * logs).sum() / len(y)


def right_when_sure(p, y, low, high):
    right, count = 0, 0
    for row, digit in zip(p.tolist(), y.tolist()):
        if low < max(row) <= high:
            right += row.index(max(row)) == digit
            count += 1
    return right / count if count else float("nan")


def load_net(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        numbers = load(data)
        header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
        settings = json.loads(header["__metadata__"]["settings"])
        hidden, digits = settings["hidden"], settings["digits"]
        model = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, len(digits)))
        model.load_state_dict(numbers)
    except Exception as error:
        raise ValueError(f"{path} was not written by save_net ({error}).")
    return model.eval(), tuple(digits)


RIGHT = [top_k_accuracy, smoothed_cross_entropy, right_when_sure, load_net]
