import math

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


# ---------------------------------------------------------------- count_parameters

@wrong("there is only one bias in it")
def count_parameters(rows, columns, answers):
    weights = torch.zeros(rows * columns, answers)
    return weights.numel() + 1


@wrong("the biases are left out")
def count_parameters(rows, columns, answers):
    return rows * columns * answers


@wrong("the number for one answer")
def count_parameters(rows, columns, answers):
    return rows * columns + 1


@wrong("this is the number of pixels")
def count_parameters(rows, columns, answers):
    return torch.zeros(rows, columns).numel()


@wrong("a bias belongs to an answer, not to a pixel")
def count_parameters(rows, columns, answers):
    return (rows * columns + rows * columns) * answers


@wrong("a weight belongs to a pixel")
def count_parameters(rows, columns, answers):
    return (rows + columns) * answers + answers


@wrong("comes out where 51 is wanted")
def count_parameters(rows, columns, answers):
    return (rows + 1) * (columns + 1) * answers


# ---------------------------------------------------------------- says

@wrong("undecided is 0, and the sigmoid makes .5 of it")
def says(preds, yes, no):
    return torch.tensor([yes if p > .5 else no for p in preds[:, 0]], dtype=torch.int64)


@wrong("everything gets the same answer")
def says(preds, yes, no):
    return torch.where(preds.sigmoid()[:, 0] > 0, yes, no)


@wrong("they stand in a column")
def says(preds, yes, no):
    return torch.where(preds > 0, yes, no)


@wrong("have changed places")
def says(preds, yes, no):
    return torch.where(preds[:, 0] > 0, no, yes)


@wrong("squeeze() swallows each axis of length 1")
def says(preds, yes, no):
    return torch.where(preds.squeeze() > 0, yes, no)


@wrong("a score of exactly 0")
def says(preds, yes, no):
    return torch.where(preds.sigmoid()[:, 0] >= .5, yes, no)


@wrong("these are True and False")
def says(preds, yes, no):
    return (preds > 0)[:, 0]


@wrong("3 and 7 are built in")
def says(preds, yes, no):
    return 7 - 4 * (preds[:, 0] > 0).long()


@wrong("they are floats")
def says(preds, yes, no):
    high = (preds[:, 0] > 0).float()
    return high * yes + (1 - high) * no


@wrong("a list comes back where a tensor")
def says(preds, yes, no):
    return [yes if p > 0 else no for p in preds]


@wrong("a loop leaves nothing to stack")
def says(preds, yes, no):
    return torch.stack([torch.tensor(yes if p > 0 else no) for p in preds])


@wrong("so does painting twice")
def says(preds, yes, no):
    digits = preds[:, 0].clone()
    digits[digits <= 0] = no
    digits[digits > 0] = yes
    return digits.long()


@wrong("it goes wrong when `yes` is the digit 0")
def says(preds, yes, no):
    digits = preds[:, 0].clone()
    digits[digits > 0] = yes
    digits[digits <= 0] = no
    return digits.long()


# ---------------------------------------------------------------- stable_cross_entropy

@wrong("this is PyTorch's version")
def stable_cross_entropy(preds, y):
    return F.binary_cross_entropy_with_logits(preds, y)


@wrong("this is PyTorch's version")
def stable_cross_entropy(preds, y):
    return torch.nn.BCEWithLogitsLoss()(preds, y)


@wrong("this is PyTorch's version")
def stable_cross_entropy(preds, y):
    return F.cross_entropy(torch.cat([torch.zeros_like(preds), preds], 1), y[:, 0].long())


@wrong("the loss is right, but its slope is nan")
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z > -50, (1 + (-z).exp()).log(), -z).mean()


@wrong("an infinite exp, or the logarithm of 0, is thrown away")
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z < -50, -z, -z.sigmoid().log()).mean()


@wrong("the loss is right, but its slope is nan")               # painted over, without where
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    surprise = (1 + (-z).exp()).log()
    surprise[surprise.isinf()] = -z[surprise.isinf()]
    return surprise.mean()


@wrong("the surprise is not quite -z yet")
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z < -3, -z, (1 + (-z.clamp(min=-50)).exp()).log()).mean()


@wrong("it has to be added for every score")                  # cut a little further out
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z < -5, -z, (1 + (-z.clamp(min=-50)).exp()).log()).mean()


@wrong("the probability is rounded to 0 before the logarithm sees it")
def stable_cross_entropy(preds, y):
    p = 1 / (1 + torch.exp(-preds))
    return -torch.where(y == 1, p, 1 - p).log().mean()


@wrong("exp of a large number is taken")
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return (1 + (-z).exp()).log().mean()


@wrong("0 times an infinite logarithm")
def stable_cross_entropy(preds, y):
    p = preds.sigmoid()
    return (-y * p.log() - (1 - y) * (1 - p).log()).mean()


@wrong("1e-08 keeps the probability away from 0")
def stable_cross_entropy(preds, y):
    p = preds.sigmoid()
    return (-y * (p + 1e-8).log() - (1 - y) * (1 - p + 1e-8).log()).mean()


@wrong("1e-07 keeps the probability away from 0")
def stable_cross_entropy(preds, y):
    p = preds.sigmoid().clamp(1e-7, 1 - 1e-7)
    return -torch.where(y > .5, p, 1 - p).log().mean()


@wrong("stops counting at 100")
def stable_cross_entropy(preds, y):
    return F.binary_cross_entropy(preds.sigmoid(), y)


@wrong("the results add up")
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return F.softplus(-z).sum()


@wrong("each prediction was compared with each target")
def stable_cross_entropy(preds, y):
    y = y[:, 0]
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z < 0, -z + (1 + z.exp()).log(), (1 + (-z).exp()).log()).mean()


@wrong("the sign is wrong")
def stable_cross_entropy(preds, y):
    return F.logsigmoid(torch.where(y > .5, preds, -preds)).mean()


@wrong("the targets have changed places")
def stable_cross_entropy(preds, y):
    return -F.logsigmoid(torch.where(y < .5, preds, -preds)).mean()


@wrong("this is mnist_loss")
def stable_cross_entropy(preds, y):
    p = preds.sigmoid()
    return torch.where(y > .5, 1 - p, p).mean()


@wrong("one number for each digit")
def stable_cross_entropy(preds, y):
    return -F.logsigmoid(torch.where(y > .5, preds, -preds))


@wrong("far from 0: -z on the wrong side")
def stable_cross_entropy(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z < 0, -z, 0).mean()


# ---------------------------------------------------------------- cross_entropy_gradient

@wrong("these are sums over the digits")
def cross_entropy_gradient(x, y, w, b):
    error = torch.sigmoid(x @ w + b) - y
    return x.T @ error, error.sum(0)


@wrong("the sigmoid is left out")
def cross_entropy_gradient(x, y, w, b):
    error = x @ w + b - y
    return x.T @ error / len(x), error.mean(0)


@wrong("every slope has the wrong sign")
def cross_entropy_gradient(x, y, w, b):
    error = y - (x @ w + b).sigmoid()
    return (x * error).mean(0)[:, None], error.mean(0)


@wrong("they come as a row or a vector")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid() - y
    return (x * error).mean(0), error.mean(0)


@wrong("comes without an axis")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid() - y
    return x.T @ error / len(x), error.mean()


@wrong("that of the bias is a sum")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid() - y
    return x.T @ error / len(y), error.sum(dim=0)


@wrong("The mean is over the digits")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid() - y
    return x.T @ error / x.shape[1], error.sum(0) / x.shape[1]


@wrong("each weight has the same slope")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid() - y
    return error.mean() * torch.ones_like(w), error.mean(0)


@wrong("this is the gradient of mnist_loss")
def cross_entropy_gradient(x, y, w, b):
    p = (x @ w + b).sigmoid()
    pull = torch.where(y > .5, -1., 1.) * p * (1 - p)
    return x.T @ pull / len(x), pull.mean(0)


@wrong("autograd does it for you")
def cross_entropy_gradient(x, y, w, b):
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
    return w.grad, b.grad


@wrong("autograd does it for you")
def cross_entropy_gradient(x, y, w, b):
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    with torch.enable_grad():
        loss = F.binary_cross_entropy_with_logits(x @ w + b, y)
    return torch.autograd.grad(loss, (w, b))


@wrong("neither backward() nor requires_grad is needed")         # and did not get that far
def cross_entropy_gradient(x, y, w, b):
    F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
    return w.grad, b.grad


@wrong("Two shapes do not fit together: look at .shape of both")
def cross_entropy_gradient(x, y, w, b):
    p = torch.sigmoid(w.T @ x + b)
    return ((p - y) * x).mean(0)[:, None], (p - y).mean(0)


@wrong("have changed places: hand back the slopes of w first")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid() - y
    return error.mean(0), x.T @ error / len(x)


@wrong("the bias is missing in the score")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w).sigmoid() - y
    return x.T @ error / len(x), error.mean(0)


@wrong("your result has shape (3, 4), and (3, 1) is wanted")
def cross_entropy_gradient(x, y, w, b):
    error = (x @ w + b).sigmoid()[:, 0] - y
    return x.T @ error / len(x), error.mean(0)


# ---------------------------------------------------------------- train_linear

def by_autograd(x, y, lr, epochs, loss_of=F.binary_cross_entropy_with_logits, zero=True, sign=-1):
    w, b = torch.zeros(x.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(epochs):
        loss_of(x @ w + b, y).backward()
        with torch.no_grad():
            for p in (w, b):
                p += sign * lr * p.grad
                if zero:
                    p.grad.zero_()
    return w, b


@wrong("the gradients add up")
def train_linear(x, y, lr, epochs):
    return by_autograd(x, y, lr, epochs, zero=False)


@wrong("it steps uphill")
def train_linear(x, y, lr, epochs):
    return by_autograd(x, y, lr, epochs, sign=1)


@wrong("the loss is a sum")
def train_linear(x, y, lr, epochs):
    return by_autograd(x, y, lr, epochs,
                       lambda preds, y: F.binary_cross_entropy_with_logits(preds, y, reduction="sum"))


@wrong("no way back from the loss to the parameters")
def train_linear(x, y, lr, epochs):
    return by_autograd(x, y, lr, epochs, lambda preds, y: 1 - ((preds > 0) == (y > .5)).float().mean())


@wrong("mnist_loss does that")
def train_linear(x, y, lr, epochs):
    return by_autograd(x, y, lr, epochs,
                       lambda preds, y: torch.where(y > .5, 1 - preds.sigmoid(), preds.sigmoid()).mean())


@wrong("each prediction was compared with each target")
def train_linear(x, y, lr, epochs):
    y = y[:, 0]

    def loss_of(preds, y):
        p = preds.sigmoid()
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    return by_autograd(x, y, lr, epochs, loss_of)


@wrong("must be the same as input size")
def train_linear(x, y, lr, epochs):
    return by_autograd(x, y[:, 0], lr, epochs)


@wrong("no way back from the loss to the parameters")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1), torch.zeros(1)
    for _ in range(epochs):
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
    return w, b


@wrong("all zeros, where they begin")
def train_linear(x, y, lr, epochs):
    w, b = torch.randn(x.shape[1], 1) / 28, torch.zeros(1)
    for _ in range(epochs):
        pull = (x @ w + b).sigmoid() - y
        w, b = w - lr * x.T @ pull / len(x), b - lr * pull.mean(0)
    return w, b


@wrong("w has learned and b is still 0")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1), torch.zeros(1)
    for _ in range(epochs):
        w = w - lr * x.T @ ((x @ w + b).sigmoid() - y) / len(x)
    return w, b


@wrong("Is 784 built in?")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(784, 1), torch.zeros(1)
    for _ in range(epochs):
        pull = (x @ w + b).sigmoid() - y
        w, b = w - lr * x.T @ pull / len(x), b - lr * pull.mean(0)
    return w, b


@wrong("has the shape (784, 1), and (3, 1) is wanted")
def train_linear(x, y, lr, epochs):
    return torch.zeros(784, 1), torch.zeros(1)


@wrong("after an epoch w and b are still zeros")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(epochs):
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        for p in (w, b):
            p = p - lr * p.grad
    return w, b


@wrong("Does a return stand in the loop")
def train_linear(x, y, lr, epochs):
    for _ in range(epochs):
        return by_autograd(x, y, lr, 1)
    return by_autograd(x, y, lr, 0)


@wrong("the first step is not that of cross-entropy over all digits")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1), torch.zeros(1)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(50):
            pull = (x[rows] @ w + b).sigmoid() - y[rows]
            w, b = w - lr * x[rows].T @ pull / len(rows), b - lr * pull.mean(0)
    return w, b


@wrong("a gradient counted twice")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1), torch.zeros(1)
    for _ in range(epochs):
        pull = (x @ w + b).sigmoid() - y
        w, b = w - 2 * lr * x.T @ pull / len(x), b - 2 * lr * pull.mean(0)
    return w, b


@wrong("is a new tensor, made by p = p - …")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(epochs):
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        with torch.no_grad():
            for p in (w, b):
                p = p - lr * p.grad
                p.grad.zero_()
    return w.detach(), b.detach()


@wrong("(or w, or b) is a new tensor")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(epochs):
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        with torch.no_grad():
            w, b = w - lr * w.grad, b - lr * b.grad
            w.grad.zero_()
            b.grad.zero_()
    return w, b


@wrong("w -= … changes the old one")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(epochs):
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        with torch.no_grad():
            w = w - lr * w.grad
            b = b - lr * b.grad
    return w, b


@wrong("is a new tensor")
def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(epochs):
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        w = w - lr * w.grad
        b = b - lr * b.grad
    return w, b


# ---------------------------------------------------------------- held_back_score

def parts(data, yes):
    (x, labels), (vx, new_labels) = data[:2], data[2:]
    return x.flatten(1), (labels == yes).float()[:, None], vx.flatten(1), (new_labels == yes).float()[:, None]


@wrong("the targets that learn is given have the shape (4,), and (4, 1) is wanted")
def held_back_score(learn, data, yes):
    images, labels, new_images, new_labels = data
    w, b = learn(images.flatten(1), (labels == yes).float(), .5, 100)
    return ((new_images.flatten(1) @ w + b > 0) == (new_labels == yes)).float().mean()


@wrong("(n, 1) against (n,) makes n times n answers")
def held_back_score(learn, data, yes):
    images, labels, new_images, new_labels = data
    w, b = learn(images.flatten(1), (labels == yes).float()[:, None], .5, 100)
    return ((new_images.flatten(1) @ w + b > 0) == (new_labels == yes)).float().mean().item()


@wrong("this is how many are right")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return sum(int((score > 0) == (target == 1)) for score, target in zip(vx @ w + b, vy))


@wrong("this is the score on the training digits")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return ((x @ w + b > 0) == (y > .5)).float().mean().item()


@wrong("learn is given the held-back digits")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(vx, vy, .5, 100)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("learn is given images. It wants rows")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(data[0], y, .5, 100)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("the loss wants floats")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, (data[1] == yes)[:, None], .5, 100)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("the labels themselves are handed in as targets")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, data[1].float()[:, None], .5, 100)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("also where that is the second of the two")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, data[1][0])
    w, b = learn(x, y, .5, 100)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("A sigmoid is above 0 whatever the score")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return (((vx @ w + b).sigmoid() > 0) == (vy > .5)).float().mean().item()


@wrong("you compare the scores with .5")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return ((vx @ w + b > .5) == (vy > .5)).float().mean().item()


@wrong("The mean of the answers, as floats, is the share")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return (vx @ w + b > 0) == (vy > .5)


@wrong("learn is called with lr 100 and 0.5 epochs")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, 100, .5)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("your code never calls learn")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = by_autograd(x, y, .5, 100)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("learn wants four things")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y)
    return ((vx @ w + b > 0) == (vy > .5)).float().mean().item()


@wrong("only the digits `yes` that are right are counted")
def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return ((vx @ w + b > 0) & (vy > .5)).sum().item() / len(vy)


# ---------------------------------------------------------------- right answers in other styles

def says(preds, yes, no):
    return torch.tensor([yes if p > 0 else no for p in preds])


def stable_cross_entropy(preds, y):
    return F.softplus(torch.where(y > .5, -preds, preds)).mean()


def without_tensors(preds, y):
    total = 0
    for score, target in zip(preds[:, 0].tolist(), y[:, 0].tolist()):
        z = score if target == 1 else -score
        total += max(-z, 0) + math.log(1 + math.exp(-abs(z)))
    return total / len(y)


def by_clamping(preds, y):
    z = torch.where(y > .5, preds, -preds)
    return torch.where(z > -50, (1 + (-z.clamp(min=-50)).exp()).log(), -z).mean()


def cross_entropy_gradient(x, y, w, b):
    slopes = [torch.zeros_like(w), torch.zeros_like(b)]
    for row, target in zip(x, y):
        pull = (row @ w + b).sigmoid() - target
        slopes[0] += row[:, None] * pull / len(x)
        slopes[1] += pull / len(x)
    return slopes


def train_linear(x, y, lr, epochs):
    w, b = torch.zeros(x.shape[1], 1), torch.zeros(1)
    for _ in range(epochs):
        w, b = w.detach().requires_grad_(), b.detach().requires_grad_()
        F.binary_cross_entropy_with_logits(x @ w + b, y).backward()
        w, b = w - lr * w.grad, b - lr * b.grad
    return w, b


def in_doubles(x, y, lr, epochs):
    x, y, w, b = x.double(), y.double(), torch.zeros(x.shape[1], 1).double(), torch.zeros(1).double()
    for _ in range(epochs):
        pull = (x @ w + b).sigmoid() - y
        w, b = w - lr * x.T @ pull / len(x), b - lr * pull.mean(0)
    return w, b


def held_back_score(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(epochs=100, lr=.5, x=x, y=y)
    right = 0
    for row, label in zip(vx, data[3]):
        right += ((row @ w + b).item() > 0) == (label.item() == yes)
    return right / len(vx)


def in_one_line(learn, data, yes):
    x, y, vx, vy = parts(data, yes)
    w, b = learn(x, y, .5, 100)
    return ((vx @ w + b > 0) == vy).float().mean()


without_tensors.__name__ = by_clamping.__name__ = "stable_cross_entropy"
in_doubles.__name__ = "train_linear"
in_one_line.__name__ = "held_back_score"
RIGHT = [says, stable_cross_entropy, without_tensors, by_clamping, cross_entropy_gradient, train_linear,
         in_doubles, held_back_score, in_one_line]
