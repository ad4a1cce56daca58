
import torch
from torch import nn

from tests.wrong_answers import wrong
from utils import wiggle


# ---------------------------------------------------------------- better_wiggle

@wrong("nothing is wiggled")
def better_wiggle(x):
    return x.clone()


@wrong("all digits of a batch get the same wiggle")
def better_wiggle(x):
    down, right = torch.randint(-4, 5, (2,)).tolist()
    return x.view(-1, 28, 28).roll((down, right), (1, 2)).flatten(1)


@wrong("each call draws the same wiggle again")
def better_wiggle(x):
    torch.manual_seed(0)
    return wiggle(x, shift=4)


@wrong(".flatten(1) makes rows of images again")
def better_wiggle(x):
    return wiggle(x, shift=4).view(-1, 28, 28)


@wrong("many images are mirrored")
def better_wiggle(x):
    images = wiggle(x, shift=4).view(-1, 28, 28)
    mirror = torch.rand(len(x)) < .5
    return torch.where(mirror[:, None, None], images.flip(2), images).flatten(1)


@wrong("change places")
def better_wiggle(x):
    return wiggle(x, turn=180, shift=4)


@wrong("They should stay between 0 and 1")
def better_wiggle(x):
    return wiggle(x, shift=4) + .2 * torch.randn_like(x)


@wrong("your code changes the digits that it is given")
def better_wiggle(x):
    images = x.view(-1, 28, 28)
    for k in range(len(images)):
        down, right = torch.randint(-4, 5, (2,)).tolist()
        images[k] = images[k].roll((down, right), (0, 1))
    return images.flatten(1)


@wrong("Do they move so far that the digit leaves the image")
def better_wiggle(x):
    return wiggle(x, shift=14)


@wrong("Does your wiggle move the digits that far?")
def better_wiggle(x):
    return wiggle(x, shift=0)


@wrong("moved by 4 pixels up or down,")
def better_wiggle(x):
    return torch.stack([image.roll(torch.randint(-4, 5, (1,)).item(), 1) for image in x.view(-1, 28, 28)]).flatten(1)


@wrong("stand on their heads")
def better_wiggle(x):
    return wiggle(x, shift=4).flip(1).view(-1, 28, 28).flip(2).flatten(1)


@wrong("of those that nobody moved fewer than .95 are right")
def better_wiggle(x):
    images, far = x.view(-1, 28, 28), [(-4, 0), (4, 0), (0, -4), (0, 4), (-6, 6), (6, 6), (6, -6), (-6, -6)]
    return torch.stack([image.roll(far[torch.randint(8, (1,)).item()], (0, 1)) for image in images]).flatten(1)


@wrong("tensor of shape (n, 784) is wanted")
def better_wiggle(x):
    return [image.roll(torch.randint(-4, 5, (1,)).item(), 1) for image in x.view(-1, 28, 28)]


# ---------------------------------------------------------------- small_model

@wrong("it has 3,145 parameters")
def small_model():
    return nn.Sequential(nn.Linear(784, 4), nn.ReLU(), nn.Linear(4, 1))


@wrong("it is level with the linear model, or hardly ahead")
def small_model():
    return nn.Sequential(nn.Linear(784, 2), nn.Linear(2, 1))


@wrong("a class comes back")
def small_model():
    class Net(nn.Module):
        pass
    return Net


KEPT = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(4), nn.Flatten(),
                     nn.Linear(49, 3), nn.ReLU(), nn.Linear(3, 1))


@wrong("the same model comes back each time")
def small_model():
    return KEPT


@wrong("no better than a coin")
def small_model():
    model = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 3), nn.ReLU(),
                          nn.Linear(3, 1))
    for p in model.parameters():
        nn.init.zeros_(p)
    return model


@wrong("it is behind the linear model")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(),
                         nn.Linear(8, 1))


@wrong("Is there a sigmoid behind the last layer?")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 1), nn.Sigmoid())


@wrong("Is there a ReLU behind the last layer?")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 3), nn.ReLU(),
                         nn.Linear(3, 1), nn.ReLU())


@wrong("a column of shape (500, 1) is wanted")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 2))


@wrong("a column of shape (500, 1) is wanted")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (28, 28)), nn.AvgPool2d(4), nn.Linear(7, 1))


@wrong("Two shapes do not fit together")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(196, 1))


@wrong("it has no parameters")
def small_model():
    return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.AvgPool2d(28), nn.Flatten())
