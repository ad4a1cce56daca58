"""The exercises of more variety."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.exercises import a_kind, compared, fact, need, tried
from utils import Batches, accuracy, as_xy, load_digits, train_epoch, wiggle


def trained(make, epochs, seed: int = 0) -> nn.Module:
    """A model, made with this seed and trained on the bundled 3s and 7s, as the epochs hold them, with a falling rate."""
    torch.manual_seed(seed)
    model = make()
    opt = torch.optim.SGD(model.parameters(), lr=.3)
    schedule = torch.optim.lr_scheduler.LinearLR(opt, 1, 0, len(epochs))
    y = as_xy(*load_digits(dataset="bundled")[:2], 3)[1]
    for k, x in enumerate(epochs):
        train_epoch(model, opt, Batches(x, y, 32, shuffle=True, seed=k))
        schedule.step()
    return model


def moved_right(model, *move: int) -> float:
    """The accuracy on the validation digits, moved: so many pixels are added on the left, right, above and below."""
    _, _, valid_x, valid_y = load_digits(dataset="bundled")
    with torch.no_grad():
        return accuracy(model(F.pad(valid_x, move).flatten(1)), as_xy(valid_x, valid_y, 3)[1]).item()


@tried(seconds=120)
def better_wiggle(answer):
    corner = torch.zeros(28, 28)                                 # an L: it tells left from right, and up from down
    corner[8:20, 10:12], corner[18:20, 10:18] = 1, 1
    x = corner.flatten().expand(60, -1).clone()
    got = answer(x)
    if not (isinstance(got, Tensor) and got.shape == x.shape and got.is_floating_point()):
        need(False, f"with 60 digits: {fact(got, x)} .flatten(1) makes rows of images again.")
    need(torch.equal(x, corner.flatten().expand(60, -1)), "your code changes the digits that it is given. Work on a .clone().")
    need(got.min() > -1e-3 and got.max() < 1.001, f"pixels from {got.min():.2f} to {got.max():.2f} come out. "
         "They should stay between 0 and 1.")
    need(not torch.allclose(got, x, atol=1e-3), "nothing is wiggled: the digits come back as they are.")
    need(not torch.allclose(got, got[:1].expand_as(got), atol=1e-3), "all digits of a batch get one wiggle: draw for each.")
    need(not torch.allclose(answer(x.clone()), got, atol=1e-3), "each call draws the same wiggle again. Is a seed set inside?")
    images = got.reshape(-1, 28, 28)
    for axis in (1, 2):                                  # is most of the ink where it was: below, and on the left?
        on, light = (images > .3).any(3 - axis), images.sum(3 - axis)
        middle = (on.float().argmax(1) + 27 - on.flip(1).float().argmax(1)) / 2
        side = ((light * torch.arange(28.)).sum(1) / light.sum(1) - middle) * (1 if axis == 1 else -1)
        need((side > 0).float().mean() > .8, "many images are mirrored, stand on their heads, or their sides change places.")
    bundled = load_digits(dataset="bundled").train_x.flatten(1)
    model = trained(lambda: nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1)),
                    [answer(bundled.clone()) for _ in range(60)])
    moves = {"to the left": (-4, 4), "to the right": (4, -4), "up": (0, 0, -4, 4), "down": (0, 0, 4, -4)}
    low = [name for name, move in moves.items() if moved_right(model, *move) < .92]
    need(not low, f"moved by 4 pixels {' or '.join(low)}, fewer than .92 of the digits are right. Does your wiggle move the "
         "digits that far, and leave them in the image?")
    need(moved_right(model, 0, 0) >= .95, "moved digits do well now, but of those that nobody moved fewer than .95 are right: "
         "the wiggle is too wild.")


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

    def score(make, seed):
        model = trained(make, epochs, seed)
        return sum(moved_right(model, *move) for move in [(-2, 2), (2, -2), (0, 0, -2, 2), (0, 0, 2, -2)]) / 4

    scores = [score(answer, seed) for seed in range(3)]
    coins = sum(score < .6 for score in scores)
    need(not coins, f"with {coins} of 3 seeds the trained model is no better than a coin. Do its parameters start at 0, is "
         "there a sigmoid behind the last layer, or are all of so few hidden units dead?")
    ahead = sum(scores) / 3 - score(lambda: nn.Linear(784, 1), 0)
    need(ahead >= .01, f"with its {count:,} parameters it is {'level with' if ahead > -.004 else 'behind'} the linear model, "
         "or hardly ahead: .01 more is wanted. Is there a ReLU between two layers, and do they see enough of the image?")


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


@compared(probe=stepped,
    cases=lambda: [([torch.tensor([1., -2.])], [torch.ones(2)], .1, .5)], random=some_parameters,
    mistakes={
        "the decay does not go through the learning rate: it belongs to the gradient, and lr multiplies both.":
            lambda params, lr, decay: with_decay(params, lr, decay, lambda p, lr, decay: lr * p.grad + decay * p),
        "the decay works on parameters that have already made their step: both belong to one step, from where it began.":
            lambda params, lr, decay: with_decay(params, lr, decay, lambda p, lr, decay:
                                                 lr * p.grad + lr * decay * (p - lr * p.grad))})
def decayed_step(params, lr, decay):
    with_decay(params, lr, decay)
