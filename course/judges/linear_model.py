"""The exercises of notebook 04, a linear model."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course.exercises import a_kind, compared, copied, kind, need, pile, rounded, same, tried
from utils import accuracy, as_xy, load_digits


class Without(TorchFunctionMode):
    """In a with statement: whoever calls one of these functions of PyTorch reads the sentence."""
    def __init__(self, names, sentence):
        super().__init__()
        self.names, self.sentence = names, sentence

    def __torch_function__(self, func, types, args=(), kwargs=None):
        need(getattr(func, "__name__", "") not in self.names, self.sentence)
        return func(*args, **(kwargs or {}))


@compared(
    cases=lambda: [(4, 4, 3), (2, 2, 1), (28, 28, 1), (28, 28, 10), (8, 20, 5), (1, 1, 1), (2, 3, 2)],
    hints=["One answer first: a weight for each pixel, and a bias. How many pixels are there?",
           "Each answer has weights of its own and a bias of its own."],
    mistakes={
        "the biases are left out: each answer has one number that is added at the end.":
            lambda rows, columns, answers: rows * columns * answers,
        "there is only one bias in it. Each answer has a bias of its own.":
            lambda rows, columns, answers: rows * columns * answers + 1,
        "this is the number for one answer, and each answer needs weights and a bias of its own.":
            lambda rows, columns, answers: rows * columns + 1,
        "the answers share their weights: then all their scores would differ by a constant only. Each has weights of "
        "its own.":
            lambda rows, columns, answers: rows * columns + answers,
        "a bias belongs to an answer, not to a pixel: one is added after all pixels have been added up.":
            lambda rows, columns, answers: 2 * rows * columns * answers,
        "a weight belongs to a pixel, and there are rows times columns pixels, not rows plus columns.":
            lambda rows, columns, answers: (rows + columns + 1) * answers,
        "this is the number of pixels: weights for each answer and the biases are still to come.":
            lambda rows, columns, answers: rows * columns,
    },
    right="Ten digits at once make 7850 parameters. The number of training digits has no part in it.")
def count_parameters(rows, columns, answers):
    return sum(rows * columns + 1 for _ in range(answers))


@compared(
    cases=lambda: [(torch.tensor([[2.], [-1.], [.2], [0.], [-9.], [.7]]), 3, 7),
                   (torch.tensor([[2.5], [-.1], [.1]]), 3, 7),
                   (torch.tensor([[.3], [-.3], [4.]]), 9, 4),
                   (torch.tensor([[-.1]]), 3, 7), (torch.tensor([[.1]]), 0, 1), (torch.zeros(0, 1), 3, 7)],
    hints=["A score above 0 means a probability above one half. torch.where picks between two values.",
           "preds is a column, (n, 1), and a vector, (n,), is wanted: preds[:, 0]. (squeeze would also swallow the "
           "axis of length 1 when there is only one digit.)"],
    mistakes={
        "you compare the scores with .5. These are logits: undecided is 0, and the sigmoid makes .5 of it.":
            lambda preds, yes, no: torch.where(preds[:, 0] > .5, yes, no),
        "everything gets the same answer. A sigmoid compared with 0 does that, since it is always above; so does "
        "painting twice, when the second line paints over the first.":
            lambda preds, yes, no: torch.full((len(preds),), yes),
        "it goes wrong when `yes` is the digit 0. That happens when digits are painted into the tensor of scores and "
        "then compared once more: ask all scores first, and keep the answers.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, yes or no, no),
        "the two answers have changed places: high scores belong to `yes`, whose target is 1.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, no, yes),
        "a score of exactly 0 is undecided. The exercise, and the accuracy of the lesson, count it as `no`.":
            lambda preds, yes, no: torch.where(preds[:, 0] >= 0, yes, no),
        "the answers are right, but they stand in a column, (n, 1), and the labels are a vector, (n,). Comparing the "
        "two would give n times n answers.": lambda preds, yes, no: torch.where(preds > 0, yes, no),
        "these are True and False, or 1 and 0. Make the digits of them that `yes` and `no` stand for.":
            lambda preds, yes, no: preds[:, 0] > 0,
        "True and False are left, as 1 and 0. Make the digits of them that `yes` and `no` stand for.":
            lambda preds, yes, no: (preds[:, 0] > 0).long(),
        "3 and 7 are built in, and other digits come out wrong: use `yes` and `no`.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, 3, 7),
        "squeeze() swallows each axis of length 1. With a single digit that is also the axis of the digits; preds[:, "
        "0] keeps it.":
            lambda preds, yes, no: torch.where(preds.squeeze() > 0, yes, no),
        "the numbers are right, but they are floats. Labels are whole numbers: .long() converts.":
            lambda preds, yes, no: torch.where(preds[:, 0] > 0, float(yes), float(no)),
    },
    right="Nothing in a score says 3. Above 0 means 3 only because we gave the 3s the target 1.")
def says(preds, yes, no):
    return torch.tensor([yes if score > 0 else no for score, in preds.tolist()], dtype=torch.int64)


def binary_entropy(preds, y, tiny=0.):
    """Cross-entropy the naive way, with something tiny added to each probability."""
    p = preds.sigmoid()
    return -(torch.where(y > .5, p, 1 - p) + tiny).log().mean()


def scores():
    """Scores and targets; the last scores are wild, and ask for slopes."""
    return [(torch.tensor([[2.], [-1.], [.5], [-3.]]), torch.tensor([[1.], [1.], [0.], [0.]])),
            (torch.tensor([[1.5]]), torch.tensor([[0.]])),
            (torch.tensor([[-200.], [0.]]), torch.tensor([[1.], [0.]])),
            (torch.tensor([[-3.1]]), torch.tensor([[1.]])), (torch.tensor([[5.1]]), torch.tensor([[0.]])),
            (torch.tensor([[-4.], [6.]]), torch.tensor([[1.], [0.]])),
            (torch.tensor([[-200.], [1.]]), torch.tensor([[1.], [0.]])),
            (torch.tensor([[200.], [-150.]]), torch.tensor([[1.], [0.]])),
            (torch.tensor([[1000.], [-3.], [30.]]), torch.tensor([[0.], [1.], [0.]])),
            (torch.zeros(3, 1), torch.tensor([[1.], [0.], [1.]])),
            (torch.tensor([[-200.], [1000.], [300.], [-1.]], requires_grad=True),
             torch.tensor([[1.], [0.], [1.], [0.]]))]


def by_hand(answer, preds, y):
    """The loss, without PyTorch's; when all losses are right, the slopes of the last one have to be numbers too."""
    with Without(["binary_cross_entropy_with_logits", "cross_entropy"],
                 "this is PyTorch's version; here write it by hand, from the score."):
        loss = answer(preds.detach(), y)
        if preds.requires_grad and all(same(answer(*copied((s.detach(), t))), stable_cross_entropy(s, t))
                                       for s, t in scores()):
            try:
                slopes, = torch.autograd.grad(answer(preds.clone(), y.clone()), preds)
            except Exception:                    # an answer that has no slopes, such as one by math.exp
                return loss
            need(slopes.isfinite().all(), "the loss is right, but its slope is nan: an infinite exp, or the logarithm "
                 "of 0, is thrown away, by where for example, and on the way back 0 times infinite is nan. Use "
                 "exp(-|z|), and nothing is infinite on the way.")
    return loss


@compared(
    cases=scores, probe=by_hand,
    hints=["Turn the score of a 7 round: let z be the score for a 3 and minus the score for a 7. Then each digit has "
           "the surprise log(1 + exp(-z)), and there is only one case left.",
           "exp of a large number is infinite, exp of a very negative one is 0 and harmless. So see that only "
           "exp(-|z|) is needed.",
           "For a negative z, log(1 + exp(-z)) is the same as -z + log(1 + exp(z))."],
    mistakes={
        "it is infinite for a digit that is far on the wrong side: the probability is rounded to 0 before the "
        "logarithm sees it, or exp of a large number is taken. Both can be avoided when you start from the score.":
            binary_entropy,
        "nan comes out for a very sure score: 0 times an infinite logarithm is no number. Pick one of the two "
        "logarithms with where, and start from the score.":
            lambda preds, y: -(y * preds.sigmoid().log() + (1 - y) * (1 - preds.sigmoid()).log()).mean(),
        "the results add up: a loss should be the mean, or it grows with the number of digits.":
            lambda preds, y: stable_cross_entropy(preds, y) * len(y),
        "the sign is wrong: the logarithm of a probability is negative, and a surprise is positive.":
            lambda preds, y: -stable_cross_entropy(preds, y),
        "the targets have changed places: a high score is no surprise where y is 1.":
            lambda preds, y: stable_cross_entropy(preds, 1 - y),
        "this is mnist_loss, how far the probability is from the target. The surprise is minus the logarithm of the "
        "probability of the truth.": lambda preds, y: (preds.sigmoid() - y).abs().mean(),
        "this logarithm counts in another unit. The usual one is the natural logarithm, .log().":
            lambda preds, y: stable_cross_entropy(preds, y) / math.log(2),
        "one number for each digit comes out. The loss is their mean.":
            lambda preds, y: F.softplus(torch.where(y > .5, -preds, preds)),
        "predictions and targets have different shapes, (n,) and (n, 1), and each prediction was compared with each "
        "target.":
            lambda preds, y: stable_cross_entropy(preds.expand(-1, len(y)), y[:, 0].expand(len(y), -1)),
        "the 7s are left out, or count 0: their surprise is that of the score turned round.":
            lambda preds, y: (y * F.softplus(-preds)).mean(),
        "this is what the surprise comes near to, far from 0: -z on the wrong side and 0 on the right one. Between "
        "them there is no corner; log(1 + exp(-|z|)) rounds it off.":
            lambda preds, y: F.relu(torch.where(y > .5, -preds, preds)).mean(),
        **{f"a score a few below 0 costs a little too little: there the surprise is not quite -z yet. For {here}. "
           "log(1 + exp(-|z|)) is the rest, and it has to be added for every score.":
           lambda preds, y, cut=cut: torch.where((z := torch.where(y > .5, preds, -preds)) < cut, -z,
                                                 F.softplus(-z)).mean()
           for cut, here in ((-3, "-4 it is 4.018"), (-5, "-5.1 it is 5.106"))},
        "F.binary_cross_entropy on probabilities stops counting at 100, so -200 and -2000 cost the same. Start from "
        "the score.":
            lambda preds, y: F.binary_cross_entropy(preds.sigmoid(), y),
        **{f"{tiny:g} keeps the probability away from 0. That hides the infinite loss, but now -200 and -2000 cost "
           "the same: the slope is 0, and the digits that are most wrong have nothing to say. Start from the score.":
           lambda preds, y, tiny=tiny: binary_entropy(preds, y, tiny)
           for tiny in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)},
    },
    right="No score is too wild for it now. Libraries do the same, under names such as softplus and logsigmoid.")
def stable_cross_entropy(preds, y):
    return (preds.clamp(min=0) - preds * y + torch.log1p(torch.exp(-preds.abs()))).mean()


def few_digits():
    """x (n, k), y (n, 1), w (k, 1) and b (1,): of several sizes, one digit, an always black pixel, wild scores."""
    for n, k, size in [(4, 3, 1.), (6, 2, 1.), (1, 5, 1.), (5, 1, 1.), (3, 3, 1.), (7, 4, 60.)]:
        x, w = pile(1, n, k, seed=n + k)[0] + .1, size * (pile(1, k, 1, seed=k)[0] - .3)
        x[:, 0] *= float(k < 4)
        yield x, (torch.arange(n) % 3 == 0).float()[:, None], w, torch.tensor([.4])
    yield torch.tensor([[1., 0.], [1., 1.]]), torch.tensor([[1.], [0.]]), torch.zeros(2, 1), torch.zeros(1)


def without_autograd(answer, *case):
    with Without(["backward", "grad"], "autograd does it for you. Here write it by hand, from p - y: neither "
                                       "backward() nor requires_grad is needed."):
        return answer(*case)


@compared(
    cases=lambda: list(few_digits()), probe=without_autograd,
    hints=["For one score the slope of the loss is p - y: how much too likely a 3 was thought to be. Begin with this "
           "column, (n, 1).",
           "The score is x @ w + b. A weight is multiplied by its pixel, so its slope is the mean of (p - y) times "
           "that pixel.",
           "Broadcasting (n, 1) times (n, k) and the mean over axis 0 leave (k,); [:, None] makes the column."],
    mistakes={
        "these are sums over the digits, and the loss is a mean: divide by the number of digits.":
            lambda x, y, w, b: pulls(x, (x @ w + b).sigmoid() - y, len(x)),
        "the sigmoid is left out: p is the sigmoid of the score, and p - y lies between -1 and 1.":
            lambda x, y, w, b: pulls(x, x @ w + b - y),
        "every slope has the wrong sign: it is p - y, not y - p. A 7 with a high p makes the loss rise with the score.":
            lambda x, y, w, b: pulls(x, y - (x @ w + b).sigmoid()),
        "the sums are divided by the number of pixels. The mean is over the digits, len(x).":
            lambda x, y, w, b: pulls(x, (x @ w + b).sigmoid() - y, len(x) / x.shape[1]),
        "the bias is missing in the score, so p is a little off for every digit.":
            lambda x, y, w, b: pulls(x, (x @ w).sigmoid() - y),
        "this is the gradient of the squared errors, with the factor p (1 - p). In cross-entropy it "
        "cancels against the slope of the logarithm, and p - y is left.":
            lambda x, y, w, b: pulls(x, (lambda p: (p - y) * 2 * p * (1 - p))((x @ w + b).sigmoid())),
        "this is the gradient of mnist_loss, with the factor p (1 - p). In cross-entropy it cancels against the "
        "slope of the logarithm, and p - y is left.":
            lambda x, y, w, b: pulls(x, (lambda p: (1 - 2 * y) * p * (1 - p))((x @ w + b).sigmoid())),
        "the slopes of the weights are right, that of the bias is a sum: divide it by the number of digits too.":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y)[0], ((x @ w + b).sigmoid() - y).sum(0)),
        "the slope of the bias is right, those of the weights are sums: divide them by the number of digits too.":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y, len(x))[0], ((x @ w + b).sigmoid() - y).mean(0)),
        "each weight has the same slope: multiply p - y by the pixels, each weight with its own.":
            lambda x, y, w, b: (((x @ w + b).sigmoid() - y).mean() + 0 * w, ((x @ w + b).sigmoid() - y).mean(0)),
        "the slopes of the weights are right, but they come as a row or a vector. They should have the shape of w, "
        "(k, 1).":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y)[0][:, 0], ((x @ w + b).sigmoid() - y).mean(0)),
        "the slope of the bias is right, but it comes without an axis. It should have the shape of b, (1,).":
            lambda x, y, w, b: (pulls(x, (x @ w + b).sigmoid() - y)[0], ((x @ w + b).sigmoid() - y).mean()),
        "bias and weights have changed places: hand back the slopes of w first.":
            lambda x, y, w, b: pulls(x, (x @ w + b).sigmoid() - y)[::-1],
    },
    right="That is all a backward pass has to do for this model. Where a pixel is always black, the slope is 0.")
def cross_entropy_gradient(x, y, w, b):
    return pulls(x, (x @ w + b).sigmoid() - y)


def pulls(x, pull, times=1.):
    """The slopes of w (k, 1) and b (1,) when each score pulls with `pull` (n, 1), `times` their mean."""
    return x.T @ pull / len(x) * times, pull.mean(0) * times


@tried(
    seconds=90,
    hints=["It is the function train of the lesson without its history: zeros, then `epochs` times predict, loss, "
           "gradient, step, zero.",
           "w and b need requires_grad, the step needs torch.no_grad(), and both gradients are cleared after it. Or "
           "use your cross_entropy_gradient: then no autograd is needed at all.",
           "With p -= lr * p.grad the parameters change in place. Hand back w and b at the end."],
    right="It learned two pairs of digits that nobody described to it, and gets most of the digits right that it has "
          "never seen.")
def train_linear(answer):
    def trained(x, y, lr, epochs):
        given = x.clone(), y.clone()
        try:
            got = answer(*given, lr, epochs)
        except (AttributeError, TypeError) as error:
            need("NoneType" not in str(error), "a .grad is None. Either p (or w, or b) is a new tensor, made by p = p "
                 "- …, and only the old one has a gradient: p -= … changes the old one. Or backward() was not called "
                 f"before. (Python says: {type(error).__name__}: {error}.)")
            raise
        except RuntimeError as error:
            if "does not require grad" in str(error) and epochs > 1:
                trained(x, y, lr, 1)                              # when this ends with an error, that one is told
                need(False, "the first epoch works, and the second ends with an error: the new w or b asks for no "
                            "gradient. w = w - … makes a new tensor; w -= … changes the old one. (PyTorch says: "
                            f"{error}.)")
            raise
        need(got is not None, "nothing comes back (None): end your code with return w, b.")
        need(type(got) in (tuple, list) and len(got) == 2, f"{a_kind(got)} comes back, and the pair w, b is wanted.")
        need(all(isinstance(p, Tensor) and p.is_floating_point() for p in got),
             f"the pair holds {a_kind(got[0])} and {a_kind(got[1])}; two tensors of floats are wanted, w and b.")
        w, b = got[0].detach().float(), got[1].detach().float()
        need(w.shape == (x.shape[1], 1), f"with x of shape {tuple(x.shape)}, w has the shape {tuple(w.shape)}, and "
             f"{(x.shape[1], 1)} is wanted: a weight for each pixel of x, as a column." +
             (" (Is b in the first place?)" if w.shape == (1,) else ""))
        need(b.shape == (1,), f"b has the shape {tuple(b.shape)}, and (1,) is wanted.")
        need(torch.equal(given[0], x) and torch.equal(given[1], y), "your code changes x or y, and whoever called it "
                                                                    "is left with the changed digits.")
        return w, b

    def path(x, y, lr, epochs, kept=0., steps_back=1.):
        w, b, slopes = torch.zeros(x.shape[1], 1), torch.zeros(1), (0., 0.)
        for _ in range(epochs):
            slopes = [new + kept * old for new, old in zip(pulls(x, (x @ w + b).sigmoid() - y), slopes)]
            w, b = w - lr * slopes[0], b - lr * slopes[1]
        return w, b

    def near(got, wanted, times=1.):
        return all(torch.allclose(g, times * v, rtol=1e-3, atol=1e-5) for g, v in zip(got, wanted))

    digits = load_digits((3, 7), dataset="bundled")
    x, y = as_xy(digits.train_x, digits.train_y, 3)
    x, y = x[:350], y[:350]          # more 3s than 7s, so that the bias has a slope from the start
    toy = torch.tensor([[1., 0., .5], [0., 1., .5]])

    for lr, epochs, what in [(.5, 0, "after 0 epochs"), (0., 3, "with the learning rate 0")]:
        w, b = trained(x, y, lr, epochs)
        need(not w.any() and not b.any(), f"{what} w and b should be all zeros, where they begin, and they are not. "
                                          "Are they random at the start, is lr or epochs not the one asked for, or "
                                          "does it go on from an earlier run?")
    try:
        trained(toy, torch.tensor([[1.], [0.]]), .5, 1)
    except RuntimeError as error:
        need("shape" not in str(error) and "size" not in str(error), "it works for 784 pixels, and ends with an "
                                                                     "error for images of 3 pixels. Is 784 built in? "
                                                                     "x.shape[1] says how many there are.")
        raise

    got, wanted = trained(x, y, .5, 1), path(x, y, .5, 1)
    need(got[0].isfinite().all() and got[1].isfinite().all(), "nan or infinite numbers come out after a single epoch.")
    need(got[0].any() or got[1].any(), "after an epoch w and b are still zeros. p = p - … makes a new tensor, and a "
                                       "tensor that was copied before the training does not learn; or the slopes are "
                                       "0, as those of accuracy are.")
    need(got[1].any(), "w has learned and b is still 0. Does the step change both?")
    need(got[0].any(), "b has learned and w is still all zeros. Does the step change both?")
    need(not near(got, wanted, -1), "it steps uphill: the slopes are added, so the loss grows. Subtract lr times the "
                                    "slopes.")
    need(not near(got, wanted, len(x)), "the step is as many times too long as there are digits: the loss is a sum. "
                                        "Take the mean.")
    need(not near(got, wanted, .5), "the first step is half as long as that of cross-entropy. mnist_loss does that: "
                                    "it pulls with p (1 - p), and so do squared errors. Take the cross-entropy.")
    need(not near(got, wanted, 2), "the first step is twice as long as it should be: is a gradient counted twice, or "
                                   "are there two steps in an epoch?")
    both = ((.5 - y.mean()) * x.mean(0)[:, None] * -.5, wanted[1])
    need(not near(got, both), "each prediction was compared with each target: preds (n, 1) and y (n,) are stretched "
                              "to n times n. Leave y a column.")
    need(near(got, wanted), "the first step is not that of cross-entropy over all digits: after one epoch with lr "
                            f".5, b is {rounded(got[1].item())} where {rounded(wanted[1].item())} is wanted. Take all "
                            "of x, as it is, in each step; cross_entropy_gradient has the formula.")
    got, wanted = trained(x, y, .5, 3), path(x, y, .5, 3)
    need(not near(got, path(x, y, .5, 3, kept=1)), "the first step is right, and then the gradients add up: clear "
                                                   "both after each step.")
    need(not near(got, path(x, y, .5, 1)), "after 3 epochs w and b are where they were after the first. Does a "
                                           "return stand in the loop, or is the loss calculated only once?")
    need(not near(got, path(x, y, .5, 2)), "it takes one epoch too few.")
    need(not near(got, path(x, y, .5, 4)), "it takes one epoch too many.")
    need(near(got, wanted), "the first step is right, but not the third: after 3 epochs with lr .5, b is "
                            f"{rounded(got[1].item())} where {rounded(wanted[1].item())} is wanted. Is everything "
                            "calculated anew in each epoch, and are both gradients cleared?")

    for pair, least in [((3, 7), .96), ((4, 9), .93)]:
        digits = load_digits(pair, dataset="bundled")
        x, y = as_xy(digits.train_x, digits.train_y, pair[0])
        vx, vy = as_xy(digits.valid_x, digits.valid_y, pair[0])
        w, b = trained(x, y, .5, 100)
        loss, score = F.binary_cross_entropy_with_logits(x @ w + b, y).item(), accuracy(vx @ w + b, vy).item()
        need(loss < .2, f"on the digits {pair[0]} and {pair[1]} the training loss is {loss:.3f} after 100 epochs with "
                        "lr .5, where less than .1 is usual. Are the digits those that were handed in?")
        need(score >= least, f"on the digits {pair[0]} and {pair[1]} only {score:.3f} of those held back are right, "
                             f"where {least} and more is usual. Are the digits those that were handed in?")


@tried(
    seconds=60,
    hints=["Rows are images.flatten(1). Targets are 1. where the label is `yes` and 0. elsewhere, as a column: the "
           "lesson's as_xy makes both.",
           "learn gives you w and b. Predict the held-back rows with them, and a score above 0 says `yes`.",
           "Compare vectors, (n,) with (n,): preds[:, 0] > 0 with new_labels == yes. The mean of the answers, as "
           "floats, is the share."],
    right="Images and labels in, a score out: that is the whole machine, and any two digits will do. Which pair is the "
          "hardest for it?")
def held_back_score(answer):
    def asked(data, yes, train):
        """What the answer returns for the data, and the w and b that its learn was given by train."""
        x, y, calls = data[0].flatten(1), (data[1] == yes).float()[:, None], []

        def learn(*given, **named):
            got = dict(zip(("x", "y", "lr", "epochs"), given)) | named
            need(set(got) == {"x", "y", "lr", "epochs"} and len(given) <= 4, "learn wants four things, in this order: "
                 "rows, targets, lr and epochs.")
            rows, targets = got["x"], got["y"]
            need(isinstance(rows, Tensor) and isinstance(targets, Tensor),
                 f"learn is given {a_kind(rows)} and {a_kind(targets)} where rows and targets are wanted, two tensors.")
            need(rows.shape != data[0].shape, "learn is given images. It wants rows, one number for each pixel: "
                 ".flatten(1) makes them.")
            need(rows.shape != data[2].flatten(1).shape or not torch.equal(rows, data[2].flatten(1)), "learn is given "
                 "the held-back digits. They are for the score at the end; it learns from the others.")
            need(rows.shape == x.shape, f"learn is given rows of shape {tuple(rows.shape)}, and {tuple(x.shape)} is "
                 f"wanted for images of shape {tuple(data[0].shape)}.")
            need(torch.equal(rows, x), "the rows that learn is given are not the training images, pixel by pixel.")
            need(targets.shape == y.shape, f"the targets that learn is given have the shape {tuple(targets.shape)}, "
                 f"and {tuple(y.shape)} is wanted, a column like the predictions. [:, None] makes one of a vector.")
            need(targets.is_floating_point(), f"the targets are {kind(targets)}, and the loss wants floats, 1. and 0.: "
                 ".float() converts.")
            need(not torch.equal(targets, data[1].float()[:, None]), "the labels themselves are handed in as targets. "
                 "A target is 1 where the label is `yes`, and 0 elsewhere.")
            need(not torch.equal(targets, 1 - y), "the targets have changed places: 1 is for the digit `yes`, also "
                 "where that is the second of the two.")
            need(torch.equal(targets, y), "the targets that learn is given are not 1 where the label is `yes` and 0 "
                 "elsewhere.")
            need((got["lr"], got["epochs"]) == (.5, 100), f"learn is called with lr {rounded(got['lr'])} and "
                 f"{rounded(got['epochs'])} epochs, and .5 and 100 are wanted.")
            calls.append(train(x, y))
            return calls[-1]

        score = answer(learn, tuple(v.clone() for v in data), yes)
        need(score is not None, "nothing comes back (None): end your code with return and the share.")
        need(calls, "your code never calls learn, so nothing is learned from these digits. It gives you w and b.")
        w, b = calls[-1]
        return score, data[2].flatten(1) @ w + b, data[3] == yes, accuracy(x @ w + b, y).item()

    def gradient_descent(x, y):
        w, b = torch.zeros(x.shape[1], 1), torch.zeros(1)
        for _ in range(100):
            slopes = pulls(x, (x @ w + b).sigmoid() - y)
            w, b = w - .5 * slopes[0], b - .5 * slopes[1]
        return w, b

    def uneven(digits, n):
        """Of the held-back digits all of the first kind and n of the second, so that one half means nothing special."""
        data = load_digits(digits, dataset="bundled")
        keep = torch.arange(int((data.valid_y == digits[0]).sum()) + n)
        return data.train_x, data.train_y, data.valid_x[keep], data.valid_y[keep]

    def weights(x, y):
        return 2 * (pile(1, x.shape[1], 1)[0] - .3), torch.tensor([.3])      # each mistake has a score of its own

    small = pile(4, 2, 3), torch.tensor([8, 2, 2, 8]), pile(7, 2, 3, seed=1), torch.tensor([2, 8, 8, 2, 2, 8, 2])
    for data, yes, train in [(small, 2, weights), (uneven((3, 7), 100), 3, gradient_descent),
                             (uneven((9, 4), 60), 4, gradient_descent)]:
        score, preds, truth, seen = asked(data, yes, train)
        n, says = len(truth), preds[:, 0] > 0
        need(isinstance(score, (Tensor, int, float)) and not isinstance(score, bool), f"{a_kind(score)} comes back "
             "where a number is wanted, the share of right answers.")
        need(torch.as_tensor(score).numel() == 1, f"{a_kind(score)} comes back, and one number is wanted. The mean of "
             "the answers, as floats, is the share of right ones.")
        score, wanted = float(score), (says == truth).float().mean().item()

        def is_near(value):
            return abs(score - float(value)) < 1e-5
        if is_near(wanted):
            continue
        need(not is_near((says[:, None] == truth).float().mean()), "each prediction is compared with each label: (n, "
             "1) against (n,) makes n times n answers. With as many digits of one kind as of the other, exactly .5 "
             "comes out, whatever was learned. Compare (n,) with (n,), or (n, 1) with (n, 1).")
        need(not is_near(wanted * n) and not is_near((says[:, None] == truth).sum()), "this is how many are right, and "
             "their share is wanted.")
        need(not is_near(wanted * 100), "this is a percentage. A share lies between 0 and 1.")
        need(not is_near(1 - wanted), "this is the share of wrong answers: a score above 0 says `yes`.")
        need(not is_near(seen), "this is the score on the training digits. Those held back say how well it does on new "
             "ones.")
        need(not is_near(truth.float().mean()), "everything is called `yes`. A sigmoid is above 0 whatever the score: "
             "compare the score with 0.")
        need(not is_near(((preds[:, 0] > .5) == truth).float().mean()), "you compare the scores with .5. They are "
             "logits: undecided is 0.")
        need(not is_near((says & truth).float().mean()), "only the "
             "digits `yes` that are right are counted. A score that is not above 0 is right for the other digit.")
        need(False, f"of {n} held-back digits the share {wanted:.4f} is right, and {score:.4f} comes out. A score "
                    "above 0 says `yes`; how often is that what the label says?")
