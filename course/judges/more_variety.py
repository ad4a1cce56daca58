"""The exercises of more variety."""
from __future__ import annotations

import inspect

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.exercises import a_kind, compared, kind, need, tried
from utils import Batches, accuracy, as_xy, fit, load_digits, train_epoch, wiggle


@tried(
    hints=["How far did the lesson's wiggle move the digits, and how far do they move now? And in which directions?",
           "wiggle itself takes the size of each change as an argument. Most digits have a margin of about 4 pixels, "
           "so not much of it gets lost at the edge.",
           "If you write your own: x.view(-1, 28, 28) makes images of the rows, roll moves one of them, and each image "
           "needs random numbers of its own."],
    seconds=120,
    right="The net learns what it is shown; what a shift is, it still does not know. It also has more to learn now, so "
          "on digits that nobody moved it may lose a little.")
def better_wiggle(answer):
    corner = torch.zeros(28, 28)                                 # an L: it tells left from right, and up from down
    corner[8:20, 10:12], corner[18:20, 10:18] = 1, 1
    x = corner.flatten().expand(60, -1).clone()
    given, got = x.clone(), answer(x)
    need(got is not None, "nothing comes back (None): end your code with return and the wiggled digits.")
    need(isinstance(got, Tensor), f"{a_kind(got)} comes back where a tensor of shape (n, 784) is wanted.")
    need(got.shape == x.shape, f"60 digits go in with shape (60, 784), and {a_kind(got)} comes back. .flatten(1) makes "
         "rows of images again.")
    need(got.is_floating_point(), f"your result holds {kind(got)}, and floats are wanted.")
    need(torch.equal(x, given), "your code changes the digits that it is given, so the next epoch would wiggle the "
         "wiggled ones. Work on a copy, made with .clone().")
    need(not got.isnan().any(), "nan comes out, which is not a number.")
    need(got.min() > -1e-3 and got.max() < 1.001, f"pixels from {got.min():.2f} to {got.max():.2f} come out. They "
         "should stay between 0 and 1, as ink does.")
    need(not torch.allclose(got, x, atol=1e-3), "nothing is wiggled: the digits come back as they are.")
    need(not torch.allclose(got, got[:1].expand_as(got), atol=1e-3), "all digits of a batch get the same wiggle. Draw "
         "random numbers for each image, not one for all.")
    need(not torch.allclose(answer(given.clone()), got, atol=1e-3), "each call draws the same wiggle again, so the net "
         "sees the same digits in every epoch. Is a seed set inside?")
    images = got.view(-1, 28, 28)
    need((images.sum((1, 2)) > .6 * corner.sum()).float().mean() > .9, "in many of the images much of the ink is gone. "
         "Do they move so far that the digit leaves the image, or are they made much smaller?")
    there, sides = images > .3, []
    for axis in (1, 2):                                  # is most of the ink where it was: below, and on the left?
        on = there.any(3 - axis)
        middle = (on.float().argmax(1) + 27 - on.flip(1).float().argmax(1)) / 2
        light = images.sum(3 - axis)
        sides.append((light * torch.arange(28.)).sum(1) / light.sum(1) - middle)
    need((sides[1] < 0).float().mean() > .8, "many images are mirrored, or turned so far that left and right change "
         "places. A mirrored 3 is no 3 that anybody writes.")
    need((sides[0] > 0).float().mean() > .8, "many images stand on their heads, or are turned so far that up and down "
         "change places. Nobody writes a 7 like that.")

    train_x, train_y, valid_x, valid_y = load_digits(dataset="bundled")
    (x, y), (_, vy) = as_xy(train_x, train_y, 3), as_xy(valid_x, valid_y, 3)

    class Wiggled(Batches):
        def __iter__(self):
            return iter(Batches(answer(self.x.clone()), self.y, 32, shuffle=True, seed=int(torch.randint(9999, ()))))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    opt = torch.optim.SGD(model.parameters(), lr=.3)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, 60)
    fit(model, opt, Wiggled(x, y, 32), [(x[:1], y[:1])], 60, schedule)
    need(not model[0].weight.isnan().any(), "the net learned nothing but nan: something infinite was among the wiggled "
         "digits.")
    moves = {"to the left": (-4, 4, 0, 0), "to the right": (4, -4, 0, 0), "up": (0, 0, -4, 4), "down": (0, 0, 4, -4),
             "nowhere": (0, 0, 0, 0)}
    with torch.no_grad():
        score = {name: accuracy(model(F.pad(valid_x, move).flatten(1)), vy).item() for name, move in moves.items()}
    low = [name for name in moves if name != "nowhere" and score[name] < .92]
    need(len(low) < 4, "moved by 4 pixels, fewer than .92 of the digits are right in every direction. Does your wiggle "
         "move the digits that far?")
    need(not low, f"moved by 4 pixels {' or '.join(low)}, fewer than .92 of the digits are right. Does your wiggle "
         "move them so far in that direction, now and then?")
    need(score["nowhere"] >= .95, "moved digits do well now, but of those that nobody moved fewer than .95 are right. "
         "The wiggle is too wild: it should leave some digits nearly as they are.")


@tried(
    hints=["Where are the parameters? Count them for [784, 3, 1]: nearly all are in the first layer, one for each "
           "pixel and unit.",
           "Neighbouring pixels show nearly the same. nn.AvgPool2d(2) makes one number, their mean, of each square of "
           "2 × 2 pixels, and has no parameters.",
           "It wants images: nn.Unflatten(1, (1, 28, 28)) makes them of rows, and nn.Flatten() makes rows again. How "
           "many numbers are left of 784, and how many units can they feed?"],
    seconds=120,
    right="A few units, and the linear model is left behind. Go on down: at which size does it depend on the seed?")
def small_model(answer):
    train_x, train_y, valid_x, valid_y = load_digits(dataset="bundled")
    (x, y), (vx, vy) = as_xy(train_x, train_y, 3), as_xy(valid_x, valid_y, 3)

    def made(seed):
        torch.manual_seed(seed)
        return answer()

    first, second = made(0), made(0)
    need(first is not None, "nothing comes back (None): end your code with return and the model.")
    need(not inspect.isclass(first), "a class comes back. Return an object of it: nn.Sequential(…), or Name() with its "
         "brackets.")
    need(isinstance(first, nn.Module), f"{a_kind(first)} comes back where a model is wanted, such as an nn.Sequential "
         f"of layers.")
    need(first is not second, "the same model comes back each time. Make a new one inside the function, or it goes on "
         "learning where the last training ended.")
    count = sum(p.numel() for p in first.parameters() if p.requires_grad)
    need(count > 0, "it has no parameters, so there is nothing to learn.")
    preds = first(vx)
    need(isinstance(preds, Tensor) and preds.shape == (len(vx), 1), f"for {len(vx)} digits (n, 784) your model returns "
         f"{a_kind(preds)}, and a column of shape ({len(vx)}, 1) is wanted, one score for each digit.")
    need(count <= 2400, f"it has {count:,} parameters, and at most 2,400 are allowed. A hidden unit that sees all pixels "
         "needs 784 of them: take fewer units, or let them see fewer numbers.")
    untrained = torch.cat([made(seed)(vx) for seed in range(3)])
    need((untrained <= 0).any(), "its scores are all above 0, so it can only ever say 3. Is there a sigmoid behind the "
         "last layer?")
    need((untrained < 0).any() or not (untrained > 0).any(), "its scores are never below 0, so it can only ever say 3. "
         "Is there a ReLU behind the last layer?")
    moves = [(-2, 2, 0, 0), (2, -2, 0, 0), (0, 0, -2, 2), (0, 0, 2, -2)]
    moved, targets = torch.cat([F.pad(valid_x, move) for move in moves]).flatten(1), vy.repeat(4, 1)
    torch.manual_seed(0)
    epochs = [wiggle(x) for _ in range(60)]

    def score(make, seed):
        model = make(seed)
        opt = torch.optim.SGD(model.parameters(), lr=.3)
        schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, len(epochs))
        for k, wiggled in enumerate(epochs):
            train_epoch(model, opt, Batches(wiggled, y, 32, shuffle=True, seed=k))
            schedule.step()
        with torch.no_grad():
            return accuracy(model(moved), targets).item()

    scores = [score(made, seed) for seed in range(3)]
    linear = score(lambda seed: nn.Linear(784, 1), 0)
    coins = sum(score < .6 for score in scores)
    need(coins < 3, "with all three seeds the trained model is no better than a coin. Do its parameters start at 0, or "
         "does something in it let no gradient through?")
    need(not coins, f"with {coins} of 3 seeds it is no better than a coin: with so few hidden units, one start in some "
         "has only dead ones. Take a few units more, or an activation that cannot die.")
    ahead = sum(scores) / 3 - linear
    need(ahead > -.004, f"with its {count:,} parameters it is behind the linear model. Does it have a ReLU between two layers? "
         "Or does it see too little of the image?")
    need(ahead >= .01, f"with its {count:,} parameters it is level with the linear model, or hardly ahead: a point is "
         "wanted. Without a ReLU between two layers it is a linear model; with one, it needs more units.")


def stepped(answer, values, grads, lr, decay):
    """The parameters after three steps, with gradients that change; a None is a parameter that takes no part."""
    leaves = [value.clone().requires_grad_() for value in values]
    path = []
    for step in range(3):
        for leaf, grad in zip(leaves, grads):
            leaf.grad = None if grad is None else (step + 1) * grad
        answer(list(leaves), lr, decay)
        path += [leaf.detach().clone() for leaf in leaves]
    return [*path, *(leaf.requires_grad for leaf in leaves)]


def some_parameters() -> tuple:
    """Two or three parameters of odd shapes, their gradients, one of them None, a rate and a decay, at random."""
    shapes = [(2,), (3, 1), ()][:int(torch.randint(2, 4, ()))]
    grads = [torch.randn(shape) for shape in shapes]
    grads[int(torch.randint(len(shapes), ()))] = None
    return [torch.randn(shape) for shape in shapes], grads, float(torch.rand(())), float(torch.rand(()))


def with_decay(params, lr, decay, change=lambda p, lr, decay: lr * (p.grad + decay * p)):
    """One step for each parameter with a gradient."""
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p -= change(p, lr, decay)


@compared(
    probe=stepped,
    cases=lambda: [([torch.tensor([1., -2.])], [torch.ones(2)], .1, .5)], random=some_parameters,
    hints=["It is the step of the notebook gradient_descent with one thing more: the pull towards 0.",
           "The pull is decay times the parameter, and it counts as a part of the gradient.",
           "p -= lr * (p.grad + decay * p), inside of torch.no_grad(), for each p whose .grad is not None."],
    mistakes={
        "the decay does not go through the learning rate: it belongs to the gradient, and lr multiplies both.":
            lambda params, lr, decay: with_decay(params, lr, decay, lambda p, lr, decay: lr * p.grad + decay * p),
        "the decay pushes the parameters away from 0: it has to be subtracted, like the gradient.":
            lambda params, lr, decay: with_decay(params, lr, decay, lambda p, lr, decay: lr * (p.grad - decay * p)),
        "the decay is the same for all numbers: it should be in proportion to each one.":
            lambda params, lr, decay: with_decay(params, lr, decay, lambda p, lr, decay: lr * (p.grad + decay))},
    right="torch.optim.SGD does this when you give it weight_decay.")
def decayed_step(params, lr, decay):
    with_decay(params, lr, decay)
