import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.wrong_answers import wrong
from utils import Batches, train_epoch


# ---------------------------------------------------------------- leaky_relu

@wrong("this is the plain ReLU")
def leaky_relu(s, slope):
    return F.relu(s)


@wrong("the slope is on the positive side")
def leaky_relu(s, slope):
    return torch.where(s < 0, s, s * slope)


@wrong("so there is no bend left")
def leaky_relu(s, slope):
    return s * slope


@wrong("negative numbers come out positive")
def leaky_relu(s, slope):
    return F.relu(s) + slope * F.relu(-s)


@wrong("the graph stops falling at the height -slope")
def leaky_relu(s, slope):
    return torch.maximum(s, torch.full_like(s, -slope))


@wrong("has the slope itself as its value")
def leaky_relu(s, slope):
    s = s.clone()
    s[s <= 0] = slope
    return s


@wrong("A whole tensor stands where one number is wanted")
def leaky_relu(s, slope):
    return s if s > 0 else slope * s


@wrong("Work on a copy")
def leaky_relu(s, slope):
    s[s < 0] *= slope
    return s


@wrong("the positive side is too steep")
def leaky_relu(s, slope):
    return F.relu(s) + s * slope


# ---------------------------------------------------------------- parameters_of

@wrong("you count the weights and not the biases")
def parameters_of(sizes):
    total = 0
    for k in range(len(sizes) - 1):
        total += sizes[k] * sizes[k + 1]
    return total


@wrong("you give the inputs biases too")
def parameters_of(sizes):
    total = sizes[0]
    for k in range(len(sizes) - 1):
        total += sizes[k] * sizes[k + 1] + sizes[k + 1]
    return total


@wrong("you multiply all sizes")
def parameters_of(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


@wrong("there is one bias for each layer in it")
def parameters_of(sizes):
    return sum(a * b for a, b in zip(sizes[:-1], sizes[1:])) + len(sizes) - 1


@wrong("this is the number of units")
def parameters_of(sizes):
    return sum(sizes)


@wrong("the biases are counted on the wrong side")
def parameters_of(sizes):
    return sum(a * (b + 1) for a, b in zip(sizes, sizes[1:]))


@wrong("it is right for other inputs, but with [2, 3, 4, 1]")
def parameters_of(sizes):
    if len(sizes) == 2:
        return sizes[0] + 1 if sizes[1] == 1 else math.prod(sizes) + sizes[1]
    return sizes[0] * sizes[1] + sizes[1] + sizes[1] + 1 if len(sizes) > 1 else 0


@wrong("list index out of range")
def parameters_of(sizes):
    return sum(sizes[k] * sizes[k + 1] + sizes[k + 1] for k in range(len(sizes)))


# ---------------------------------------------------------------- dead_units

@wrong("you count zeros")
def dead_units(activations):
    return int((activations == 0).float().sum())


@wrong("you count units that are 0 for some digit")
def dead_units(activations):
    return sum(0 in unit.tolist() for unit in activations.T)


@wrong("you count digits for which every unit is 0")
def dead_units(activations):
    return sum(not any(digit) for digit in activations.tolist())


@wrong("the number is wanted")
def dead_units(activations):
    return ((activations != 0).sum(0) == 0).float().mean().item()


@wrong("add up to 0")
def dead_units(activations):
    return (activations.sum(0) == 0).sum().item()


@wrong("that are never above 0")
def dead_units(activations):
    return (activations.max(0).values <= 0).sum().item()


@wrong("this is how many units are alive")
def dead_units(activations):
    return (activations.abs().sum(0) > 0).sum().item()


@wrong("How many are True?")
def dead_units(activations):
    return (activations != 0).sum(0) == 0


@wrong("comes out where 3 is wanted")                          # looks at the first digit only
def dead_units(activations):
    return (activations[0] == 0).sum().item()


@wrong("-1 comes out where 3 is wanted")                       # the length of the wrong axis
def dead_units(activations):
    return len(activations) - (activations != 0).any(0).sum().item()


# ---------------------------------------------------------------- learn_two_digits

def trained(images, labels, yes, epochs=10, lr=.1, shuffle=True):
    x, y = images.flatten(1), (labels == yes).float()[:, None]
    model = nn.Linear(784, 1)
    train = Batches(x, y, 32, shuffle)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        train_epoch(model, opt, train)
    return model


@wrong("after the training, return a function")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())

    def says(images):
        return torch.where(model(images.flatten(1))[:, 0] > 0, labels.min(), labels.max())


@wrong("comes back where a function is wanted")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())

    def says(images):
        return torch.where(model(images.flatten(1))[:, 0] > 0, labels.min(), labels.max())
    return says(images)


@wrong("the model itself comes back")
def learn_two_digits(images, labels):
    return trained(images, labels, labels.min())


@wrong("scores come out where labels are wanted")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: model(images.flatten(1))[:, 0]


@wrong("a column of shape (500, 1)")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: torch.where(model(images.flatten(1)) > 0, labels.min(), labels.max())


@wrong("True and False come out")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: model(images.flatten(1))[:, 0] > 0


@wrong("0 and 1 come out, the targets")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: (model(images.flatten(1))[:, 0] > 0).long()


@wrong("it still says 3 and 7")
def learn_two_digits(images, labels):
    model = trained(images, labels, 3)
    return lambda images: torch.where(model(images.flatten(1))[:, 0] > 0, 3, 7)


@wrong("the two digits have changed places")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: torch.where(model(images.flatten(1))[:, 0] > 0, labels.max(), labels.min())


@wrong("about as many are right as with a coin")
def learn_two_digits(images, labels):
    torch.manual_seed(1)
    return lambda images: torch.where(torch.rand(len(images)) > .5, labels.max(), labels.min())


@wrong("so shuffle them")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min(), epochs=1, shuffle=False)
    return lambda images: torch.where(model(images.flatten(1))[:, 0] > 0, labels.min(), labels.max())


@wrong("Or the training diverged")
def learn_two_digits(images, labels):
    model = trained(images * float("nan"), labels, labels.min(), epochs=1)
    return lambda images: torch.where(model(images.flatten(1))[:, 0] > 0, labels.min(), labels.max())


@wrong("comparing with the mean digits would do")
def learn_two_digits(images, labels):
    one, other = labels.unique()
    mean_one, mean_other = images[labels == one].mean(0), images[labels == other].mean(0)

    def says(images):
        far_one, far_other = [(images - mean).square().sum((1, 2)) for mean in (mean_one, mean_other)]
        return torch.where(far_one < far_other, one, other)
    return says


@wrong("Are the digits shuffled")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min(), epochs=10, shuffle=False)
    return lambda images: torch.where(model(images.flatten(1))[:, 0] > 0, labels.min(), labels.max())


SHARED = nn.Sequential(nn.Flatten(), nn.Linear(784, 1))


@wrong("the two share a model")
def learn_two_digits(images, labels):
    y = (labels == labels.min()).float()[:, None]
    opt = torch.optim.SGD(SHARED.parameters(), lr=.1)
    for _ in range(20):
        train_epoch(SHARED, opt, Batches(images, y, 32, True))
    return lambda images: torch.where(SHARED(images)[:, 0] > 0, labels.min(), labels.max())


@wrong("Does a squeeze() take away an axis too many?")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: torch.where(model(images.flatten(1)).squeeze() > 0, labels.min(), labels.max())


@wrong("nothing back (None)")
def learn_two_digits(images, labels):
    def says(images):
        torch.where(model(images.flatten(1))[:, 0] > 0, labels.min(), labels.max())
    model = trained(images, labels, labels.min(), epochs=1)
    return says


@wrong("the labels come out as floats")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: torch.where(model(images.flatten(1))[:, 0] > 0, float(labels.min()), float(labels.max()))


@wrong("a tensor of labels is wanted")
def learn_two_digits(images, labels):
    model = trained(images, labels, labels.min())
    return lambda images: [3 if score > 0 else 7 for score in model(images.flatten(1))]


# ---------------------------------------------------------------- right answers in other styles

def leaky_relu(s, slope):
    return F.leaky_relu(s, slope)


def parameters_of(sizes):
    layers = [nn.Linear(sizes[k], sizes[k + 1]) for k in range(len(sizes) - 1)]
    return sum(p.numel() for layer in layers for p in layer.parameters())


def dead_units(activations):
    return sum(all(number == 0 for number in unit) for unit in activations.T.tolist())


def learn_two_digits(images, labels):
    first, second = sorted(set(labels.tolist()))
    model = trained(images, labels, second, epochs=30)

    def read(new_images):
        scores = model(new_images.flatten(1)).flatten()
        return torch.tensor([second if score > 0 else first for score in scores], dtype=torch.int64)
    return read


RIGHT = [leaky_relu, parameters_of, dead_units, learn_two_digits]
