"""The exercises of more variety."""
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.exercises import a_kind, compared, fact, need, tried
from course.judges.mini_batch_sgd import path, some_parameters
from utils import Batches, as_xy, load_digits, train_epoch, validate_epoch, wiggle

# How many pixels are added on the left, on the right, above and below, to move an image.
MOVES = {"to the left": (-1, 1, 0, 0), "to the right": (1, -1, 0, 0), "up": (0, 0, -1, 1), "down": (0, 0, 1, -1)}


def moved_scores(make, epochs: list[Tensor], far: int, seed: int = 0) -> list[float]:
    """Accuracies of a model on the validation digits as they are, and moved by `far` pixels in each direction of MOVES.

    make: makes the model, with this seed. epochs: for each epoch of its training, the training digits (n, 784) as it sees them.
    """
    train_x, train_y, valid_x, valid_y = load_digits(dataset="bundled")
    (_, y), (_, vy) = as_xy(train_x, train_y, 3), as_xy(valid_x, valid_y, 3)
    torch.manual_seed(seed)
    model = make()
    opt = torch.optim.SGD(model.parameters(), lr=.6)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, len(epochs))
    for k, x in enumerate(epochs):
        train_epoch(model, opt, Batches(x, y, 64, shuffle=True, seed=k))
        schedule.step()
    moved = [F.pad(valid_x, [far * n for n in move]) for move in [(0, 0), *MOVES.values()]]
    return [validate_epoch(model, [(images.flatten(1), vy)])[1] for images in moved]


@tried(seconds=120)
def better_wiggle(answer):
    bundled = load_digits(dataset="bundled").train_x.flatten(1)
    x = bundled[:1].repeat(60, 1)                                # one digit, sixty times
    got = answer(x)
    if not (isinstance(got, Tensor) and got.shape == x.shape and got.is_floating_point()):
        need(False, f"with 60 digits: {fact(got, x)} .flatten(1) makes rows of images again.")
    need(torch.equal(x, bundled[:1].expand(60, -1)), "your code changes the digits that it is given. Work on a .clone().")
    need(got.min() > -1e-3 and got.max() < 1.001, f"pixels from {got.min():.2f} to {got.max():.2f} come out. "
         "They should stay between 0 and 1.")
    need(not torch.allclose(got, x, atol=1e-3), "nothing is wiggled: the digits come back as they are.")
    need(not torch.allclose(answer(x), got, atol=1e-3), "each call draws the same wiggle again. Is a seed set inside?")
    need(not torch.allclose(got, got[:1].expand(60, -1), atol=1e-3), "all digits of a batch get one wiggle: draw for each.")
    as_it_is, *moved = moved_scores(lambda: nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1)),
                                    [answer(bundled.clone()) for _ in range(60)], far=4)
    low = [name for name, right in zip(MOVES, moved) if right < .92]
    need(not low, f"moved by 4 pixels {' or '.join(low)}, fewer than .92 of the digits are right. Does your wiggle move the "
         "digits that far, and leave them in the image?")
    need(as_it_is >= .95, f"moved digits do well, but of those not moved only {as_it_is:.3f} are right: it is too wild.")


@tried(seconds=120)
def small_model(answer):
    first = answer()
    need(isinstance(first, nn.Module), f"{a_kind(first)} comes back where a model is wanted, such as nn.Sequential(…).")
    need(first is not answer(), "the same model comes back each time. Make a new one inside the function.")
    count = sum(p.numel() for p in first.parameters() if p.requires_grad)
    need(0 < count <= 2400, f"it has {count:,} parameters; 1 to 2,400 are allowed.")
    got = first(torch.rand(9, 784))
    need(isinstance(got, Tensor) and got.shape == (9, 1), f"for 9 digits (9, 784) your model returns {a_kind(got)}, and a "
         "column of shape (9, 1) is wanted.")
    bundled = load_digits(dataset="bundled").train_x.flatten(1)
    torch.manual_seed(0)
    epochs = [wiggle(bundled) for _ in range(60)]
    *scores, linear = [sum(moved_scores(make, epochs, 2, seed)[1:]) / 4
                       for make, seed in [(answer, 0), (answer, 1), (answer, 2), (lambda: nn.Linear(784, 1), 0)]]
    coins = sum(score < .6 for score in scores)
    need(not coins, f"with {coins} of 3 seeds the trained model is no better than a coin. Do its parameters start at 0, is "
         "there a sigmoid behind the last layer, or are all of so few hidden units dead?")
    ahead = sum(scores) / 3 - linear
    need(ahead >= .01, f"with its {count:,} parameters it is {'level with' if ahead > -.004 else 'behind'} the linear model, "
         "or hardly ahead: .01 more is wanted. Is there a ReLU between two layers, and do they see enough of the image?")


def stepped(answer, *case):
    """The path of an optimiser whose step is the answer."""
    def optimiser(params, lr, decay):
        params = list(params)
        return SimpleNamespace(step=lambda: answer(params, lr, decay), zero_grad=torch.optim.SGD(params).zero_grad)
    return path(optimiser, *case)


@compared(cases=lambda: [([torch.tensor([1., -2.])], .1, .5)], random=some_parameters, probe=stepped, mistakes={
    "not through the rate": lambda *case: decayed_step(*case, lambda p, lr, decay: lr * p.grad + decay * p),
    "after the step": lambda *case: decayed_step(*case, lambda p, lr, decay: lr * p.grad + lr * decay * (p - lr * p.grad))})
def decayed_step(params, lr, decay, change=lambda p, lr, decay: lr * (p.grad + decay * p)):
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p -= change(p, lr, decay)
