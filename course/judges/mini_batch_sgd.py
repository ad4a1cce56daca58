"""The exercises of the notebook about mini-batch SGD."""
import math

import torch
from torch import Tensor, nn

from course.exercises import a_kind, compared, need, tried
from course.judges.linear_model import whole
from utils import Batches, train_epoch


@compared(
    cases=lambda: [(10, 4, 1), (8, 4, 3), (3, 10, 2), (500, 32, 40)],
    random=lambda: (whole(0, 40), whole(1, 12), whole(0, 6)),
    mistakes={
        "last batch left out": lambda n, batch_size, epochs: n // batch_size * epochs,
        "one long row": lambda n, batch_size, epochs: -(-n * epochs // batch_size)})
def number_of_steps(n, batch_size, epochs):
    return len(range(0, n, batch_size)) * epochs


@compared(
    cases=lambda: [([.5, .9, .2], [4, 6, 3]), ([1., .5], [300, 100])],
    random=lambda: ((2 * torch.rand(n := whole(1, 6))).tolist(), torch.randint(1, 9, (n,)).tolist()),
    mistakes={
        "plain mean": lambda values, sizes: sum(values) / len(values)})
def mean_over_batches(values, sizes):
    return sum(v * n for v, n in zip(values, sizes)) / sum(sizes)


@tried()
def shuffled_batches(answer):
    def order(n, size, pixels=1):
        """In which order one pass gives the rows."""
        x = torch.arange(1., n * pixels + 1).reshape(n, pixels)
        given, what = (x.clone(), 100 - x[:, :1]), f"{n} digits in batches of {size}"
        got = answer(*given, size)
        need(hasattr(got, "__iter__"), f"{a_kind(got)} comes back where batches are wanted: yield each, or return a list.")
        got = list(got)
        need(all(type(pair) in (tuple, list) and len(pair) == 2 and all(isinstance(t, Tensor) for t in pair) for pair in got),
             "each batch should be a pair of tensors, xb and yb: yield them one after the other, or return a list of pairs.")
        need(torch.equal(given[0], x) and torch.equal(given[1], 100 - x[:, :1]), "your code shuffles x or y itself: take "
             "rows from them.")
        shapes, sizes = [(xb.shape, yb.shape) for xb, yb in got], [min(size, n - k) for k in range(0, n, size)]
        need(shapes == [((k, pixels), (k, 1)) for k in sizes], f"{what}, with {pixels} pixels each, should come in batches of "
             f"{sizes}; yours have the shapes {', '.join(f'{tuple(a)} and {tuple(b)}' for a, b in shapes) or '(none)'}.")
        xs, ys = torch.cat([xb for xb, _ in got]), torch.cat([yb for _, yb in got])
        need(torch.equal(xs[xs[:, 0].argsort()], x), f"of {what}, some came twice and others not at all: drawing with randint "
             "puts each digit back.")
        need(torch.equal(ys, 100 - xs[:, :1]), "digits and targets no longer belong together: take the same rows of both.")
        return tuple(xs[:, 0].tolist())

    for case in [(9, 4, 3), (8, 4, 2), (1, 4, 1), (3, 10, 5), (7, 1, 1), (10, 3, 1)]:
        order(*case)
    orders = {order(4, 2) for _ in range(500)}
    need(len(orders) > 1, "each pass has the same order. Draw a new one each time, without setting a seed inside.")
    need(len(orders) == 24, f"4 digits can come in 24 orders, and in 500 passes only {len(orders)} of them came.")


def some_parameters() -> tuple:
    """Parameters of several shapes, lr, momentum; whether they come in a list; whether the loss uses all of them."""
    params = [torch.randn([(), (1,), (3,), (2, 3), (2, 1)][whole(0, 4)]) for _ in range(whole(1, 3))]
    unused = f"number {whole(0, len(params) - 1)} is not used" if len(params) > 1 and whole(0, 1) else "all are used"
    return params, whole(1, 8) / 100, [0., .5, .9, 1.][whole(0, 3)], ["list", "generator"][whole(0, 1)], unused


def path(answer, params, lr, momentum, come_in="list", used="all are used"):
    """The parameters after each of five steps, all numbers in a row: (5, n). Each number has a valley of its own."""
    params, places = [p.clone().requires_grad_() for p in params], []
    opt = answer(params if come_in == "list" else (p for p in params), lr, momentum)
    for _ in range(5):
        sum((torch.arange(1., p.numel() + 1).view_as(p) * (p - k) ** 2 * (k + 1)).sum()
            for k, p in enumerate(params) if str(k) not in used).backward()
        opt.step()
        opt.zero_grad()
        places.append(torch.cat([p.detach().flatten() for p in params]))
    return torch.stack(places)


@compared(
    cases=lambda: [([torch.tensor([2.]), torch.tensor([-1.])], .02, .9)],
    random=some_parameters, probe=path, seconds=60,
    mistakes={
        "plain SGD": lambda params, lr, momentum: Momentum(params, lr, 0.),
        "1 - momentum": lambda params, lr, momentum: Momentum(params, lr * (1 - momentum), momentum),
        "one velocity": lambda *given: Shared(*given)})
class Momentum(torch.optim.SGD):
    def __init__(self, params, lr, momentum):
        super().__init__(params, lr=lr, momentum=momentum)


class Shared(Momentum):
    """With a single velocity for all parameters."""
    velocity = 0.

    @torch.no_grad()
    def step(self):
        given, = self.param_groups
        for p in given["params"]:
            if p.grad is not None:
                self.velocity = given["momentum"] * self.velocity + p.grad
                p -= given["lr"] * self.velocity


def some_losses() -> tuple:
    """Losses that fall in leaps and bounds, often equal, some nan, on a scale of their own; and a patience."""
    n = whole(1, 14)
    losses = (torch.randint(1, 6, (n,)) + torch.arange(n, 0, -1) // 2) / 10 * 10. ** whole(-2, 5)
    losses[1:][torch.rand(len(losses) - 1) < .1] = math.nan
    return losses.tolist(), whole(1, 5)


@compared(
    cases=lambda: [([.9, .5, .6, .7, .8, .4, .6, .7, .9], 2), ([.5, .5, .5, .4], 2), ([.5, math.nan, .6, .4], 2),
                   ([.5, .6, .55, .3], 2), ([math.nan, .5, .6, .4, .7], 3), ([3e20, 2e20, 2.5e20, 2.6e20, 1e20], 2)],
    random=some_losses,
    mistakes={
        "with the one before": lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: v[k] < v[k - 1]),
        "counted from 0": lambda losses, patience: tuple(n - 1 for n in stops_at(losses, patience))})
def stops_at(losses, patience, better=lambda v, k, best: v[k] < v[best]):
    values, best = [math.inf, *losses], 0
    for epoch in range(1, len(values)):
        best = epoch if better(values, epoch, best) else best
        if epoch - best == patience:
            return epoch, best
    return len(losses), best


def says_true_in(*epochs: int):
    """A callback that says True in these epochs, else False; without epochs it says nothing."""
    def callback(learner):
        return learner.epoch in epochs if epochs else None
    callback.__name__ = f"True in epoch {' or '.join(map(str, epochs))}" if epochs else "None"
    return callback


def diary(answer, callbacks, fits):
    """What happens, in words: each call of a callback, with the epoch that it sees, and where each fit ends."""
    x, model, happened = torch.randn(10, 2), nn.Linear(2, 1), []
    data, opt = Batches(x, (x[:, :1] > 0).float(), 4), torch.optim.SGD(model.parameters(), lr=.5)

    def noted(k, callback):
        def called(*given):
            what = ", ".join("learner" if it is learner else a_kind(it) for it in given)
            happened.append(f"callback {k}({what}) at epoch {learner.epoch}, with a weight of {model.weight[0, 0]:.2f}")
            return callback(learner)
        return called

    learner = answer(model, opt, data, [noted(k, callback) for k, callback in enumerate(callbacks, 1)])
    for epochs in fits:
        learner.fit(epochs)
        happened.append(f"fit({epochs}) ends at epoch {learner.epoch}, with a weight of {model.weight[0, 0]:.2f}")
    return happened + ["nothing more"] * (40 - len(happened))


@compared(
    cases=lambda: [([says_true_in(2)], [3]), ([says_true_in(), says_true_in(1, 9)], [2])],
    random=lambda: ([says_true_in(*torch.randint(1, 6, (whole(0, 2),)).tolist()) for _ in range(whole(0, 3))],
                    torch.randint(0, 4, (whole(1, 3),)).tolist()),
    probe=diary, seconds=60,
    mistakes={
        "stops asking": lambda *given: CallbackLearner(*given, asked=lambda it: any(call(it) for call in it.callbacks))})
class CallbackLearner:
    def __init__(self, model, opt, train, callbacks, asked=lambda it: any([call(it) for call in it.callbacks])):
        self.model, self.opt, self.train, self.callbacks, self.asked, self.epoch = model, opt, train, callbacks, asked, 0

    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            if self.asked(self):
                break
