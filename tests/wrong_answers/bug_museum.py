"""Loops of the bug museum, mended in ways that hide the symptom, or mend something else."""
import torch
import torch.nn.functional as F
from torch import nn

from tests.wrong_answers import wrong
from utils import Batches, accuracy, train_epoch

entropy = F.binary_cross_entropy_with_logits


# ---------------------------------------------------------------- room 1: sorted data

def sorted_loop(x, y, vx, vy, lr=.1, batch_size=32, epochs=10, train=None):
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    train = train or Batches(x, y, batch_size)
    losses, scores = [], []
    for epoch in range(epochs):
        for xb, yb in train:
            loss = entropy(model(xb), yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
            losses.append(loss.item())
        scores.append(accuracy(model(vx), vy).item())
    return losses, scores


@wrong("It is softer, as it is with a smaller learning rate")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, lr=.01)


@wrong("each batch still holds one kind of digit")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, lr=.001)


@wrong("More epochs only cover up how it began")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, epochs=40)


@wrong("With larger batches more of them hold both digits")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, batch_size=500)


@wrong("Keep the batches of 32")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, batch_size=1)


@wrong("which kind comes last")
def room_1(x, y, vx, vy):
    return sorted_loop(x.flip(0), y.flip(0), vx, vy)


@wrong("If both are reordered, then both in the same way")
def room_1(x, y, vx, vy):
    return sorted_loop(x[torch.randperm(len(x))], y[torch.randperm(len(y))], vx, vy)


@wrong("each batch still holds one kind of digit")
def room_1(x, y, vx, vy):
    order = torch.randperm(len(vx))
    return sorted_loop(x, y, vx[order], vy[order])


@wrong("many batches still hold one kind of digit only")
def room_1(x, y, vx, vy):                                   # 7s, then all 3s, then 7s again
    return sorted_loop(x.roll(125, 0), y.roll(125, 0), vx, vy)


@wrong("nothing comes back")
def room_1(x, y, vx, vy):
    sorted_loop(x, y, vx, vy, train=Batches(x, y, 32, shuffle=True))


@wrong("2 things")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, train=Batches(x, y, 32, shuffle=True))[1]


@wrong("the steps are smaller than they were")
def room_1(x, y, vx, vy):
    return sorted_loop(x, y, vx, vy, lr=.005, train=Batches(x, y, 32, shuffle=True))


# ---------------------------------------------------------------- room 2: not zeroed

def swinging_loop(x, y, lr=.001, steps=120, before=lambda opt, model: None, after=lambda opt, model: None):
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for step in range(steps):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        before(opt, model)
        opt.step()
        after(opt, model)
        losses.append(loss.item())
    return losses


@wrong("the loss still goes up")
def room_2(x, y, lr=.001):
    return swinging_loop(x, y, lr=lr / 10)


@wrong("A smaller rate shows less of the first wave")
def room_2(x, y, lr=.001):
    return swinging_loop(x, y, lr=lr / 2000)


@wrong("cleared too early")
def room_2(x, y, lr=.001):
    return swinging_loop(x, y, lr, before=lambda opt, model: opt.zero_grad())


@wrong("of the weights and of the bias")
def room_2(x, y, lr=.001):
    return swinging_loop(x, y, lr, after=lambda opt, model: model.bias.grad.zero_())


@wrong("stopping early only hides")
def room_2(x, y, lr=.001):
    return swinging_loop(x, y, lr, steps=10)


@wrong("some of the numbers that come back are infinite or nan")
def room_2(x, y, lr=.001):
    return swinging_loop(x, y, lr=3.)


@wrong("the loss still goes up")
def room_2(x, y, lr=.001):
    def halve(opt, model):
        for p in model.parameters():
            p.grad /= 2
    losses = swinging_loop(x, y, lr)
    return sorted(losses)


@wrong("it cannot be called as the exercise says")
def room_2(x, y):
    return swinging_loop(x, y, after=lambda opt, model: opt.zero_grad())


# ---------------------------------------------------------------- room 3: the threshold

def counting_loop(x, y, vx, vy, says_3=lambda p: p > 0, score=lambda right: right.float().mean().item(),
                  lr=.1, epochs=10):
    model = nn.Linear(784, 1)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    train = Batches(x, y, 32, shuffle=True)
    losses, scores = [], []
    for epoch in range(epochs):
        train_epoch(model, opt, train)
        p = model(vx).sigmoid().detach()
        losses.append(F.binary_cross_entropy(p, vy).item())
        scores.append(score(says_3(p) == (vy > .5)))
    return losses, scores, p


@wrong("still one half in all epochs")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, lambda p: p >= 0)


@wrong("still one half in all epochs")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, lambda p: p > 1)


@wrong("still one half in all epochs")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, score=lambda right: 1 - right.float().mean().item())


@wrong("the side is right, only the border is not")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, lambda p: p < .5)


@wrong("Is the border where the model is undecided")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, lambda p: p > .1)


@wrong("Is the border where the model is undecided")
def room_3(x, y, vx, vy):
    losses, scores, p = counting_loop(x, y, vx, vy, lambda p: p.logit() > .5)
    return losses, scores, p.logit()


@wrong("leave the training as it is")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, lambda p: p > .5, lr=.01)


@wrong("keep the ten epochs")
def room_3(x, y, vx, vy):
    return counting_loop(x, y, vx, vy, epochs=30)


# ---------------------------------------------------------------- room 4: two shapes

def square_loop(x, y, vx, lr=.01, steps=500, loss_of=lambda preds, y: (preds - y).square().mean(), opt=torch.optim.SGD):
    model = nn.Linear(784, 1)
    opt = opt(model.parameters(), lr=lr)
    losses, before = [], model(vx).detach()
    for step in range(steps):
        loss = loss_of(model(x), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses, before, model(vx).detach()


@wrong("What is the shape of model(x) - y?")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 3).float(), vx, lr=.001)


@wrong("What is the shape of model(x) - y?")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 3).float(), vx, steps=1200)


@wrong("What is the shape of model(x) - y?")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 3).float()[None], vx)


@wrong("What is the shape of model(x) - y?")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 3).float(), vx, loss_of=lambda preds, y: (preds - y).abs().mean())


@wrong("infinite or nan")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 3).float(), vx, loss_of=lambda preds, y: (preds - y).square().sum())


@wrong("the targets are the wrong way round")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 7).float()[:, None], vx)


@wrong("it ends with an error")
def room_4(x, labels, vx):
    return square_loop(x, (labels == 3).float(), vx, loss_of=entropy)


# ---------------------------------------------------------------- room 5: the start

def wild_loop(x, y, vx, vy, start, epochs=20, lr=.1):
    model = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1))
    start(model)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    train = Batches(x, y, 32, shuffle=True)
    training, validation, first = [], [], model(x).detach()
    for epoch in range(epochs):
        train_epoch(model, opt, train)
        training.append(accuracy(model(x), y).item())
        validation.append(accuracy(model(vx), vy).item())
    return training, validation, first, model[0].weight.detach()


def normal(std):
    def start(model):
        for p in model.parameters():
            nn.init.normal_(p, std=std)
    return start


@wrong("before the first step the model is still more than 99 % sure")
def room_5(x, y, vx, vy):
    torch.manual_seed(42)
    return wild_loop(x, y, vx, vy, normal(1))


@wrong("before the first step the model is still more than 99 % sure")
def room_5(x, y, vx, vy):
    return wild_loop(x, y, vx, vy, normal(1), lr=.01)


@wrong("before the first step the model is still more than 99 % sure")
def room_5(x, y, vx, vy):
    return wild_loop(x, y, vx, vy, normal(.5))


@wrong("More or fewer of them leave the cause where it is")
def room_5(x, y, vx, vy):
    return wild_loop(x, y, vx, vy, normal(1), epochs=5)


@wrong("small, but random")
def room_5(x, y, vx, vy):
    return wild_loop(x, y, vx, vy, normal(0))


@wrong("the noise is still in the first layer")
def room_5(x, y, vx, vy):
    def start(model):
        normal(1)(model[0])
        normal(.001)(model[2])
    return wild_loop(x, y, vx, vy, start)


@wrong("the weights of pixels that are always black are still")
def room_5(x, y, vx, vy):                                   # only the middle of each image starts well
    def start(model):
        dark = (x == 0).all(0)
        with torch.no_grad():
            model[0].weight[:, dark] = 1.
    return wild_loop(x, y, vx, vy, start)


@wrong("With lr .1 and twenty epochs, a good start ends above .96")
def room_5(x, y, vx, vy):
    return wild_loop(x, y, vx, vy, lambda model: None, lr=.003)


@wrong("weights of shape (30, 784) are wanted")
def room_5(x, y, vx, vy):
    *others, weights = wild_loop(x, y, vx, vy, normal(.03))
    return *others, weights.T


# ---------------------------------------------------------------- room 6: the output

def floor_loop(x, y, vx, *layers, epochs=20, lr=.1):
    model = nn.Sequential(nn.Linear(784, 30), *layers)
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    train, losses = Batches(x, y, 32, shuffle=True), []
    for epoch in range(epochs):
        train_epoch(model, opt, train)
        losses.append(entropy(model(x), y).item())
    return losses, model(vx).detach()


class Minus(nn.Module):
    def forward(self, scores):
        return scores - 1


@wrong("none is below 0")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.Linear(30, 1), nn.ReLU())


@wrong("none is below 0")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), nn.Sigmoid())


@wrong("none is below 0")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), nn.ReLU(), lr=.01)


@wrong("either the floor is lower or softer")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), nn.LeakyReLU())


@wrong("either the floor is lower or softer")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), nn.ReLU(), Minus())


@wrong("either the floor is lower or softer")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), nn.Tanh())


@wrong("more epochs do not get through a floor")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), nn.ReLU(), epochs=40)


@wrong("or the steps are smaller than they were")
def room_6(x, y, vx):
    return floor_loop(x, y, vx, nn.ReLU(), nn.Linear(30, 1), lr=.003)


# ---------------------------------------------------------------- room 7: the average

def measured(x, y, vx, vy, average, sizes=range(1, 501)):
    model = nn.Linear(784, 1)
    train_epoch(model, torch.optim.SGD(model.parameters(), lr=.1), Batches(x, y, 32, shuffle=True))
    with torch.no_grad():
        return [average([(len(xb), accuracy(model(xb), yb).item()) for xb, yb in Batches(vx, vy, size)], size)
                for size in sizes]


@wrong("the score still depends on the batch size")
def room_7(x, y, vx, vy):                                   # the last batch is dropped
    return measured(x, y, vx, vy, lambda parts, size: sum(s for n, s in parts if n == size) / (500 // size))


@wrong("the score still depends on the batch size")
def room_7(x, y, vx, vy):                                   # weighed with the size that was asked for
    return measured(x, y, vx, vy, lambda parts, size: sum(s * size for n, s in parts) / sum(size for n, s in parts))


@wrong("some scores are above 1")
def room_7(x, y, vx, vy):
    return measured(x, y, vx, vy, lambda parts, size: sum(n * s for n, s in parts) / len(parts))


@wrong("the score still depends on the batch size")
def room_7(x, y, vx, vy):
    return measured(x, y, vx, vy, lambda parts, size: sorted(s for n, s in parts)[len(parts) // 2])


@wrong("all scores are 0.9700 now")
def room_7(x, y, vx, vy):
    return measured(x, y, vx, vy, lambda parts, size: round(sum(n * s for n, s in parts) / 500, 2))


@wrong("not 500, one for each batch size")
def room_7(x, y, vx, vy):
    return measured(x, y, vx, vy, lambda parts, size: sum(s for n, s in parts) / len(parts), sizes=(1, 2, 4, 5, 10))


@wrong("the score still depends on the batch size")
def room_7(x, y, vx, vy):
    return measured(x, y, vx, vy, lambda parts, size: max(s for n, s in parts))


@wrong("all scores are 1.0000 now")
def room_7(x, y, vx, vy):
    return [1.] * 500


# ---------------------------------------------------------------- room 8: the dead pixel

def nudging_loop(x, y, pixels, lr=1., size=.01, sign=-1):
    w, losses, slopes = torch.zeros(784, 1), [], []
    for pixel in pixels:
        nudged = w.clone()
        nudged[pixel] += size
        loss = entropy(x @ w, y)
        slope = (entropy(x @ nudged, y) - loss) / size
        w[pixel] += sign * lr * slope
        losses.append(loss.item())
        slopes.append(slope.item())
    return losses, slopes


@wrong("every slope is still exactly 0")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, range(40), lr=1e6)


@wrong("every slope is still exactly 0")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, range(40), lr, size=10.)


@wrong("every slope is still exactly 0")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, list(range(40)) * 10, lr)


@wrong("black, or nearly black")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, range(783, 743, -1), lr)


@wrong("black, or nearly black")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, range(60, 100), lr)


@wrong("the loss goes up")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, x.mean(0).argsort(descending=True)[:40], lr, sign=1)


@wrong("it ends with an error")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, range(760, 800), lr)


@wrong("keep to forty nudges")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, list(range(784)) * 2, lr)


@wrong("keep to forty nudges")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, range(784), lr)


@wrong("or the steps are smaller than lr says")
def room_8(x, y, lr=1.):
    return nudging_loop(x, y, x.mean(0).argsort(descending=True)[:40], .01)
