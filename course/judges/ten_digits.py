"""The exercises of notebook 08, ten digits."""
from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.judges.linear_model import Without
from course.exercises import a_kind, compared, need, tried


def drawn(n: int, classes: int, size: float = 2.) -> tuple[Tensor, Tensor]:
    """Scores (n, classes) and labels (n,), the same in every run; half of the labels have the highest score."""
    rng = torch.Generator().manual_seed(n + classes)
    preds, y = size * torch.randn(n, classes, generator=rng), torch.randint(classes, (n,), generator=rng)
    return preds, torch.where(torch.arange(n) % 2 == 0, preds.argmax(1), y)


# ---------------------------------------------------------------- top_k_accuracy

def below(preds, y):
    """How many classes have a lower score than the right one, for each digit."""
    return (preds < preds.gather(1, y[:, None])).sum(1)


def found_by(places, y):
    return (places == y[:, None]).any(1).float().mean()


@compared(
    cases=lambda: [(torch.tensor([[2., 3., 1.], [0., 5., 9.]]), torch.tensor([0, 0]), 2), (*drawn(200, 10), 1),
                   (*drawn(200, 10), 3), (*drawn(9, 4), 2), (*drawn(60, 10), 10), (*drawn(1, 5), 4),
                   (*drawn(1, 3), 1), (*drawn(7, 3), 5), (torch.zeros(3, 3), torch.arange(3), 2),
                   (torch.tensor([[4., 4., 1.], [4., 4., 1.], [1., 4., 4.]]), torch.tensor([0, 1, 2]), 1),
                   (torch.full((4, 4), torch.nan), torch.arange(4), 2)],
    hints=["What is the score of the right digit, in each row? preds[torch.arange(len(y)), y] picks it, as in the lesson.",
           "Count in each row the classes whose score is lower than that of the right digit. [:, None] makes a column of "
           "the right scores.",
           "Of C classes, at least C - k have to be lower. Then ties, and nan, which is lower than nothing, take care of "
           "themselves."],
    mistakes={
        "where scores tie, it depends on their order whether the right digit is found: topk and argsort take some of "
        "those that tie. And topk cannot give more than there are. Count the classes with a lower score instead.":
            lambda preds, y, k: found_by(preds.topk(k, 1).indices, y),
        "where scores tie, it depends on their order whether the right digit is found. Count the classes with a lower "
        "score instead of sorting.":
            lambda preds, y, k: found_by(preds.argsort(dim=1, descending=True, stable=True)[:, :k], y),
        "a digit counts as found although it only ties with others: three equal scores say nothing, and are all right "
        "here with k = 2. Whoever ties with the right digit stands ahead of it.":
            lambda preds, y, k: ((preds > preds.gather(1, y[:, None])).sum(1) < k).float().mean(),
        "a model whose scores have become nan comes out as right. nan is neither below nor above any number, so count "
        "what speaks for the right digit: the classes with a lower score.":
            lambda preds, y, k: ((preds >= preds.gather(1, y[:, None])).sum(1) <= k).float().mean(),
        "one place is missing: with k = 1 the right digit has to be the first, and you let none pass. Do you count the "
        "right digit among those ahead of it?":
            lambda preds, y, k: (below(preds, y) >= preds.shape[1] - k + 1).float().mean(),
        "one place is too many: with k = 1 you let the second place pass.":
            lambda preds, y, k: (below(preds, y) >= preds.shape[1] - k - 1).float().mean(),
        "this is the plain accuracy, and k has no part in it.":
            lambda preds, y, k: (preds.argmax(1) == y).float().mean(),
        "the mean is taken over all k places of all digits. Only one place can hold the right digit: ask any(1) first, "
        "and then take the mean over the digits.":
            lambda preds, y, k: (preds.topk(k, 1).indices == y[:, None]).float().mean(),
        "each place is compared with the label of another digit: the places have shape (n, k), the labels (n,). [:, None] "
        "makes a column of the labels.":
            lambda preds, y, k: (preds.topk(k, 1).indices == y).any(1).float().mean(),
        "ten classes are built in. preds.shape[1] says how many there are.":
            lambda preds, y, k: (below(preds, y) >= 10 - k).float().mean(),
        "only the k-th place is looked at. Any of the first k will do.":
            lambda preds, y, k: (preds.topk(k, 1).indices[:, -1] == y).float().mean(),
        "you look among the lowest scores. The highest score is the first place.":
            lambda preds, y, k: found_by(preds.argsort(dim=1, stable=True)[:, :k], y),
        "this is a number of digits. Divide by how many there are.":
            lambda preds, y, k: (below(preds, y) >= preds.shape[1] - k).sum(),
        "one answer for each digit comes out. The share of those that are True is their mean, as floats.":
            lambda preds, y, k: below(preds, y) >= preds.shape[1] - k,
    },
    right="With k = 1 it is the accuracy, and with k = 10 it cannot be anything but 1. So never compare two shares "
          "without asking for their k.")
def top_k_accuracy(preds, y, k):
    return (below(preds, y) >= preds.shape[1] - k).float().mean()


# ---------------------------------------------------------------- smoothed_cross_entropy

def by_hand(answer, *case):
    with Without(["cross_entropy"], "this is PyTorch's version; here write it by hand, from the scores."):
        return answer(*case)


def spread(preds, y, right, others):
    """The loss for targets with the share `right` at the label and `others` at each other class."""
    logs = F.log_softmax(preds, 1)
    return -((right - others) * logs.gather(1, y[:, None])[:, 0] + others * logs.sum(1)).mean()


def naive(preds, y, smoothing, tiny=0.):
    targets = (1 - smoothing) * F.one_hot(y, preds.shape[1]) + smoothing / preds.shape[1]
    return -(targets * (preds.softmax(1) + tiny).log()).sum(1).mean()


@compared(
    cases=lambda: [(torch.tensor([[2., 1., -1.], [0., 1., 0.]]), torch.tensor([0, 2]), .3), (*drawn(20, 10), .1),
                   (*drawn(7, 3), 0.), (torch.tensor([[1000., 999.], [-1000., -1001.]]), torch.tensor([1, 0]), .2),
                   (*drawn(5, 4), 1.), (*drawn(1, 2), .2), (torch.tensor([[0., -200., -200.]]), torch.tensor([1]), .1),
                   (torch.tensor([[1000., 999., 990.], [-1000., 0., 1000.]]), torch.tensor([1, 0]), .2),
                   (torch.tensor([[0., 300., -300.]]), torch.tensor([1]), 0.)],
    probe=by_hand,
    hints=["Work with the logarithms of all ten probabilities, and never with the probabilities: log p is the score minus "
           "log_sum_exp, for each class.",
           "The target is a mixture. So the loss is one, too: (1 - smoothing) times the surprise of the label, plus "
           "smoothing times the mean surprise over all classes.",
           "preds - log_sum_exp(preds)[:, None] are the logarithms, (n, classes)."],
    mistakes={
        "an infinite number or nan comes out for wild scores: a probability is rounded to 0 before the logarithm sees "
        "it. Start from log p = score - log_sum_exp, as in the lesson.": naive,
        "nan comes out for wild scores: e to the power of a large score is infinite, and infinite by infinite has no value. "
        "Start from log p = score - log_sum_exp, as in the lesson.":
            lambda preds, y, smoothing: naive(preds + preds.exp().sum(1, keepdim=True) * 0, y, smoothing),
        "an infinite number comes out for a score of 1000: e to that power is infinite. Take the largest score out of the "
        "sum first, as log_sum_exp of the lesson does.":
            lambda preds, y, smoothing: (preds.exp().sum(1).log() - smoothing * preds.mean(1)
                                         - (1 - smoothing) * preds.gather(1, y[:, None])[:, 0]).mean(),
        **{f"{tiny:g} keeps the probabilities away from 0. That hides the infinite loss, but -200 and -2000 cost the same "
           "now. Start from log p = score - log_sum_exp.":
           lambda preds, y, smoothing, tiny=tiny: naive(preds, y, smoothing, tiny)
           for tiny in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)},
        "it goes wrong where the scores of one digit are far below those of another. Subtract from each row its own largest "
        "score, and not the largest of all digits.":
            lambda preds, y, smoothing: (lambda s: ((s.exp().sum(1).log() - (1 - smoothing) * s.gather(1, y[:, None])[:, 0]
                                                     - smoothing * s.mean(1)).mean()))(preds - preds.max()),
        "one number for each digit comes out. The loss is their mean.":
            lambda preds, y, smoothing: torch.stack([smoothed_cross_entropy(preds[k:k + 1], y[k:k + 1], smoothing)
                                                     for k in range(len(y))]),
        "the labels are not smoothed: this is the plain cross-entropy.":
            lambda preds, y, smoothing: spread(preds, y, 1, 0),
        "only the other classes get a part of what is spread. Here the label gets its part as well: divide by the number "
        "of all classes.":
            lambda preds, y, smoothing: spread(preds, y, 1 - smoothing, smoothing / (preds.shape[1] - 1)),
        "the others get their part, but the label keeps only 1 - smoothing. It gets a part of what is spread as well.":
            lambda preds, y, smoothing: spread(preds, y, 1 - smoothing, smoothing / preds.shape[1]),
        "the label keeps all of its 1, and the others get their part on top of it. The targets of a digit add up to 1.":
            lambda preds, y, smoothing: spread(preds, y, 1, smoothing / preds.shape[1]),
        "each class gets all of `smoothing`. It is shared among them: divide by the number of classes.":
            lambda preds, y, smoothing: spread(preds, y, 1, smoothing),
        "1 - smoothing and smoothing have changed places.": lambda preds, y, smoothing: spread(
            preds, y, smoothing + (1 - smoothing) / preds.shape[1], (1 - smoothing) / preds.shape[1]),
        "ten classes are built in. preds.shape[1] says how many there are.":
            lambda preds, y, smoothing: spread(preds, y, 1 - smoothing + smoothing / 10, smoothing / 10),
        "the losses of the digits are added up. The loss is their mean.": lambda preds, y, smoothing: len(y) * spread(
            preds, y, 1 - smoothing + smoothing / preds.shape[1], smoothing / preds.shape[1]),
        "the mean is taken over digits and classes. The targets of a digit are already shares: add up over the classes, "
        "and take the mean over the digits.": lambda preds, y, smoothing: spread(
            preds, y, 1 - smoothing + smoothing / preds.shape[1], smoothing / preds.shape[1]) / preds.shape[1],
        "the sign is wrong: the logarithm of a probability is negative, and a surprise is positive.":
            lambda preds, y, smoothing: -spread(
                preds, y, 1 - smoothing + smoothing / preds.shape[1], smoothing / preds.shape[1]),
        "the probabilities are smoothed, and the targets should be. Mix the two surprises, and not what stands inside of "
        "the logarithm.": lambda preds, y, smoothing: -((1 - smoothing) * preds.softmax(1).gather(1, y[:, None])
                                                        + smoothing / preds.shape[1]).log().mean(),
    },
    right="F.cross_entropy does the same with label_smoothing. Perfectly sure answers now cost something, even if they "
          "are right, so the scores stop growing.")
def smoothed_cross_entropy(preds, y, smoothing):
    return spread(preds, y, 1 - smoothing + smoothing / preds.shape[1], smoothing / preds.shape[1])


# ---------------------------------------------------------------- right_when_sure

def probabilities(n, classes, low, high):
    preds, y = drawn(n, classes, 1.)
    return preds.softmax(1), y, low, high


def share_of_right(p, y, low, high, inside=lambda sure, low, high: (low < sure) & (sure <= high)):
    sure, said = p.max(1)
    return (said == y)[inside(sure, low, high)].float().mean()


@compared(
    cases=lambda: [(torch.tensor([[.7, .2, .1], [.6, .3, .1], [.1, .2, .7], [0., 1., 0.]]),
                    torch.tensor([0, 1, 2, 1]), .5, .8),
                   (torch.tensor([[.6, .4, 0.], [.4, .35, .25]]), torch.tensor([1, 0]), .3, .5),
                   probabilities(300, 10, .3, .6), probabilities(300, 10, .1, 1.), probabilities(80, 3, .8, 1.),
                   (torch.tensor([[.5, .25, .25], [.75, .25, 0.], [.25, .25, .5], [.25, .75, 0.]]),
                    torch.tensor([0, 0, 2, 0]), .5, .75),
                   (torch.tensor([[1., 0.], [0., 1.], [.25, .75]]), torch.tensor([0, 0, 1]), .75, 1.),
                   (torch.tensor([[.5, .5]]), torch.tensor([1]), .75, 1.),
                   (torch.tensor([[.75, .25]]), torch.tensor([0]), .5, 1.)],
    hints=["p.max(1) gives two things: the highest probability of each row, and the class that has it, the answer.",
           "Choose the rows whose highest probability lies in the range: (low < sure) & (sure <= high) is a mask, one "
           "True or False for each digit.",
           "Of the chosen ones, which are right? The mean of True and False, as floats, is the share; over nothing it "
           "is nan."],
    mistakes={
        "you look at the probability of the label. The model does not know the label: the question is how sure it is of "
        "its own answer, the highest probability of the row.":
            lambda p, y, low, high: (lambda q: (p.argmax(1) == y)[(low < q) & (q <= high)].float().mean())(
                p.gather(1, y[:, None])[:, 0]),
        "an answer counts as soon as any class has a probability in the range. The question is about the highest one.":
            lambda p, y, low, high: (p.argmax(1) == y)[((low < p) & (p <= high)).any(1)].float().mean(),
        "this is divided by all digits. Divide by those whose probability lies in the range.":
            lambda p, y, low, high: (lambda sure: ((p.argmax(1) == y) & (low < sure) & (sure <= high)).float().mean())(
                p.amax(1)),
        "this is the share of digits whose probability lies in the range. How many of these are right?":
            lambda p, y, low, high: ((low < p.amax(1)) & (p.amax(1) <= high)).float().mean(),
        "this is how sure the model is on average. How many of these answers are right?":
            lambda p, y, low, high: (lambda sure: sure[(low < sure) & (sure <= high)].mean())(p.amax(1)),
        "this is the share of wrong answers.": lambda p, y, low, high: 1 - share_of_right(p, y, low, high),
        "this is a number of digits. The share is wanted.":
            lambda p, y, low, high: (lambda sure: ((p.argmax(1) == y) & (low < sure) & (sure <= high)).sum())(p.amax(1)),
        "an answer with exactly the probability `low` is counted. The range begins above it, so that no answer lies in "
        "two ranges.":
            lambda p, y, low, high: share_of_right(p, y, low, high, lambda sure, a, b: (a <= sure) & (sure <= b)),
        "an answer with exactly the probability `high` is left out. It belongs to the range, or else the surest ones, "
        "with 1, would be in none.":
            lambda p, y, low, high: share_of_right(p, y, low, high, lambda sure, a, b: (a < sure) & (sure < b)),
        "the ends of the range are the wrong way round: `high` belongs to it, `low` does not. Otherwise the surest "
        "answers, with 1, would be in none.":
            lambda p, y, low, high: share_of_right(p, y, low, high, lambda sure, a, b: (a <= sure) & (sure < b)),
        "`high` has no part in it: you take all answers that are surer than `low`.":
            lambda p, y, low, high: share_of_right(p, y, low, high, lambda sure, a, b: a < sure),
        "`low` has no part in it: you take all answers that are not surer than `high`.":
            lambda p, y, low, high: share_of_right(p, y, low, high, lambda sure, a, b: sure <= b),
        "all answers are counted, however sure they are. This is the accuracy.":
            lambda p, y, low, high: (p.argmax(1) == y).float().mean(),
        "0 comes out where no answer lies in the range. That would say that all of them were wrong. There were none: the "
        "share has no value, nan.":
            lambda p, y, low, high: share_of_right(p, y, low, high).nan_to_num(0.),
        "1 comes out where no answer lies in the range. There were none: the share has no value, nan.":
            lambda p, y, low, high: share_of_right(p, y, low, high).nan_to_num(1.),
        "p is taken for scores and goes through softmax. These are probabilities already.":
            lambda p, y, low, high: share_of_right(p.softmax(1), y, low, high),
    },
    right="When a model says .8, is it right in eight of ten cases? Then one says that it is well calibrated. Ask it of "
          "the plain net between .6 and .9, and then of the one with wiggled digits.")
def right_when_sure(p, y, low, high):
    return share_of_right(p, y, low, high)


# ---------------------------------------------------------------- load_net

def new_net(hidden: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, classes))


class Call:
    """A call that a pickle makes when it is loaded: it makes a folder."""
    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def strange_files(folder: Path, trap: Path) -> dict[str, Path]:
    """Files that save_net has not written: what they are, and where. Two would make the folder `trap` if they could."""
    from safetensors.torch import save_file
    good, settings = new_net(5, 3).state_dict(), {"hidden": 5, "digits": [1, 2, 8]}
    written = {
        "settings in Python, with a call in them": {"settings": f"__import__('os').mkdir({str(trap)!r})"},
        "no settings at all": None, "a note, and no settings": {"note": "a net"},
        "settings that are no JSON": {"settings": "five and three"},
        **{what: {"settings": json.dumps(value)} for what, value in {
            "settings without digits": {"hidden": 5}, "settings that are one number": 7,
            "settings that name more hidden units than there are": settings | {"hidden": 6},
            "settings that name two digits, for three scores": settings | {"digits": [1, 2]},
            "a word where the number of hidden units should be": settings | {"hidden": "five"}}.items()}}
    files = {}

    def new_file(what):
        return files.setdefault(what, folder / f"strange{len(files)}.net")
    for what, metadata in written.items():
        save_file(good, new_file(what), metadata=metadata)
    for what, tensors in (("the last bias missing", {name: good[name] for name in list(good)[:-1]}),
                          ("one tensor too many", good | {"4.weight": torch.zeros(3, 3)})):
        save_file(tensors, new_file(what), metadata={"settings": json.dumps(settings)})
    for what, part in (("its second half missing", .5), ("no bytes in it", 0)):
        save_file(good, new_file(what), metadata={"settings": json.dumps(settings)})
        whole = files[what].read_bytes()
        files[what].write_bytes(whole[:int(part * len(whole))])
    for what, value in (("a pickle with a call in it", Call(trap)), ("a pickle in it", good)):
        torch.save(value, new_file(what))
    return files


def loaded(answer, folder: Path, hidden: int, digits: list[int]) -> None:
    """Save a net, let the answer load it, and compare."""
    from safetensors.torch import save_file
    saved, file = new_net(hidden, len(digits)), folder / f"good{hidden}.net"
    save_file(saved.state_dict(), file, metadata={"settings": json.dumps({"hidden": hidden, "digits": digits})})
    what = f"for a net with {hidden} hidden units and the digits {digits}"
    try:
        got = answer(str(file))
    except Exception as error:
        need("size mismatch" not in str(error), f"{what} the numbers do not fit the model that you build. How many hidden "
             "units it has, and how many scores, stands in the settings of the file.")
        need("Weights only" not in str(error), "torch.load reads what torch.save has written. This is another format: "
             "load_file reads its numbers, and safe_open its settings.")
        need(not isinstance(error, KeyError), f"a key is asked for that is not there, {error}. The metadata is a dictionary "
             "with one text, \"settings\", and json.loads makes a dictionary with \"hidden\" and \"digits\" of that text.")
        need(not isinstance(error, ValueError), f"a good file is refused, {what[4:]}: {str(error)[:200]}")
        raise
    need(got is not None, "nothing comes back (None): end your code with return, the model and the digits.")
    need(type(got) in (tuple, list) and len(got) == 2, f"{a_kind(got)} comes back, and the pair of model and digits is "
         "wanted.")
    model, said = got
    need(not isinstance(said, nn.Module), "the two have changed places: first the model, then the digits.")
    need(isinstance(model, nn.Module), f"the first of the two is {a_kind(model)}, and a model is wanted: build one and fill "
         "it with load_state_dict.")
    need(isinstance(said, (list, tuple)), f"the second of the two is {a_kind(said)}, and a list of digits is wanted.")
    need(list(said) == digits, f"{what} the digits come back as {str(list(said))[:60]}. They stand in the settings of the "
         "file, in the order of the scores.")
    x = torch.rand(4, 784)
    try:
        preds = model(x)
    except Exception as error:
        need(False, f"{what} the model cannot be used on rows of 784 pixels ({type(error).__name__}).")
    need(isinstance(preds, Tensor) and preds.shape == (4, len(digits)), f"{what} the model should give {len(digits)} scores "
         "for each image, and it does not.")
    need(torch.allclose(preds, saved(x), atol=1e-5), f"{what} the model has the right size and other scores than the one "
         "that was saved. Is it filled with the numbers of the file, and are its layers the same?")


@tried(
    seconds=30,
    hints=["with safe_open(path, \"pt\") as file: opens the file. file.metadata() is a dictionary of texts, or None, and "
           "json.loads makes settings of the text. Then build the model, and fill it with load_file.",
           "Which errors can that raise? Try it with a pickle, and with a file without metadata. SafetensorError, "
           "RuntimeError (from load_state_dict), LookupError, TypeError and ValueError cover all of them.",
           "try: … except (…) as error: raise ValueError(f\"{path} is no net of ours: {error}\") from None."],
    right="It builds what the file describes, runs nothing that stands in it, and says so when something does not fit. That "
          "is more than most programs do that load models.")
def load_net(answer):
    with TemporaryDirectory() as name:
        folder, trap = Path(name), Path(name) / "trap"
        for hidden, digits in ((30, list(range(10))), (7, [3, 7]), (2, [9, 4, 1])):
            loaded(answer, folder, hidden, digits)
        for what, file in strange_files(folder, trap).items():
            error = None
            try:
                answer(str(file))
            except Exception as raised:
                error = raised
            need(not trap.exists(), f"your code has just run what a stranger wrote into a file: it made a folder, and it "
                 f"could have deleted yours. That was a file with {what}. " + ("Read texts with json.loads, never with "
                 "eval." if "Python" in what else "Never load a pickle that may hold calls."))
            need(error is not None, f"a file with {what} is accepted. It should be refused, with a ValueError.")
            need(isinstance(error, ValueError), f"a file with {what} ends with {type(error).__name__}. Catch that, and "
                 "raise a ValueError that says what is wrong with the file.")
            need(str(error).strip(), f"a file with {what} is refused, but the ValueError has no text. Say what is wrong "
                 "with the file.")
