"""The exercises of the notebook about a linear model."""
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course.exercises import compared, fact, need, same


class Without(TorchFunctionMode):
    """In a with statement: whoever calls one of these functions of PyTorch reads the sentence."""
    def __init__(self, names: list[str], sentence: str):
        super().__init__()
        self.names, self.sentence = names, sentence

    def __torch_function__(self, func, types, args=(), kwargs=None):
        need(getattr(func, "__name__", "") not in self.names, self.sentence)
        return func(*args, **(kwargs or {}))


def whole(low: int, high: int) -> int:
    """A whole number drawn from low to high, both included."""
    return int(torch.randint(low, high + 1, ()))


@compared(
    cases=lambda: [(2, 2, 1), (4, 4, 3), (28, 28, 10)],
    random=lambda: (whole(1, 30), whole(1, 30), whole(1, 10)),
    mistakes={
        "no biases": lambda rows, columns, answers: rows * columns * answers,
        "one bias": lambda rows, columns, answers: rows * columns * answers + 1})
def count_parameters(rows, columns, answers):
    return (rows * columns + 1) * answers


@compared(
    cases=lambda: [(torch.tensor([[2.5], [-.1], [.1]]), 3, 7), (torch.tensor([[2.], [0.], [-9.]]), 0, 1)],
    random=lambda: (torch.randint(-3, 4, (whole(0, 5), 1)) * 10. ** whole(-4, 1), *torch.randperm(10)[:2].tolist()),
    mistakes={
        "above .5": lambda preds, yes, no: torch.where(preds[:, 0] > .5, yes, no),
        "0 counts": lambda preds, yes, no: torch.where(preds[:, 0] >= 0, yes, no)})
def says(preds, yes, no):
    return torch.tensor([yes if score > 0 else no for score, in preds.tolist()], dtype=torch.int64)


def sided(preds, y):
    """How far each score is on the right side: (n, 1)."""
    return torch.where(y > .5, preds, -preds)


def by_hand(answer, preds, y, what="the loss"):
    """The loss, without PyTorch's; or its slopes, if the answer works with autograd."""
    leaf = preds.clone().requires_grad_(what == "its slopes")
    with Without(["binary_cross_entropy_with_logits", "cross_entropy"],
                 "this is PyTorch's version; here write it by hand, from the score."):
        loss = answer(leaf, y)
    if leaf.requires_grad and not (isinstance(loss, Tensor) and loss.requires_grad):
        loss = stable_cross_entropy(leaf, y)
    return torch.autograd.grad(loss, leaf)[0] if leaf.requires_grad else loss


@compared(
    cases=lambda: [*[(torch.tensor([[z]]), torch.tensor([[1.]])) for z in (-1., -3.1, -5.1, -200., -2000.)],
                   (torch.tensor([[-200.], [1000.], [300.], [-1.]]), torch.tensor([[1.], [0.], [1.], [0.]]), "its slopes")],
    random=lambda: (torch.randn(n := whole(1, 5), 1) * 10 ** (3 * torch.rand(n, 1) - 1), torch.randint(2, (n, 1)).float()),
    probe=by_hand,
    mistakes={
        "infinite": lambda preds, y: -torch.where(y > .5, preds.sigmoid(), 1 - preds.sigmoid()).log().mean(),
        "slope nan": lambda preds, y: torch.where((z := sided(preds, y)) > -50, (1 + (-z).exp()).log(), -z).mean()})
def stable_cross_entropy(preds, y):
    return F.softplus(-sided(preds, y)).mean()


def some_digits() -> tuple:
    """Rows x (n, k), for a few or many digits, some pixels always black, and targets y (n, 1)."""
    x = torch.rand(whole(1, 6) * whole(1, 30) ** whole(0, 1), whole(1, 4))
    return x * (torch.rand(x.shape[1]) > .2), torch.randint(2, (len(x), 1)).float()


def without_autograd(answer, x, y, w, b):
    with Without(["backward", "grad"], "autograd does it for you. Here write it by hand, from p - y."):
        return answer(x, y, w, b)


@compared(
    cases=lambda: [(torch.tensor([[1., 0.], [1., 1.]]), torch.tensor([[1.], [0.]]), torch.zeros(2, 1), torch.zeros(1))],
    random=lambda: (*(xy := some_digits()), 4 * torch.randn(xy[0].shape[1], 1), torch.randn(1)),
    probe=without_autograd,
    mistakes={
        "no sigmoid": lambda x, y, w, b: cross_entropy_gradient(x, y, w, b, says=lambda score: score)})
def cross_entropy_gradient(x, y, w, b, says=torch.sigmoid):
    pulls = says(x @ w + b) - y
    return x.T @ pulls / len(x), pulls.mean(0)


@compared(
    cases=lambda: [(torch.tensor([[1.], [-1.]]), torch.tensor([[1.], [0.]]), 1., 1)],
    random=lambda: (*some_digits(), whole(0, 8) / 4, whole(0, 4)),
    mistakes={
        "gradients kept": lambda x, y, lr, epochs: train_linear(x, y, lr, epochs, kept=1.)})
def train_linear(x, y, lr, epochs, kept=0.):
    w, b, slopes = torch.zeros(x.shape[1], 1), torch.zeros(1), (0., 0.)
    for _ in range(epochs):
        slopes = [new + kept * old for new, old in zip(cross_entropy_gradient(x, y, w, b), slopes)]
        w, b = w - lr * slopes[0], b - lr * slopes[1]
    return w, b


def some_data() -> tuple:
    """Small images and labels to learn from and to hold back, of one digit more than of the other; `yes`; w and b."""
    shape, digits, data = (whole(1, 3), whole(1, 3)), torch.randperm(10)[:2], ()
    for n in (whole(3, 7), whole(6, 12)):
        data += torch.rand(n, *shape), digits[(torch.randperm(n) < n / 3).long()]
    return data, int(digits[whole(0, 1)]), torch.randn(shape[0] * shape[1], 1), torch.randn(1) / 2


def told(answer, data, yes, w, b):
    """The score, when learn makes w and b of the right rows and targets."""
    calls = []

    def learn(x, y, lr, epochs):
        for name, got, right in (("x", x, data[0].flatten(1)), ("y", y, (data[1] == yes).float()[:, None]),
                                 ("lr", lr, .5), ("epochs", epochs, 100)):
            if not same(got, right):
                said = fact(got, right).replace("your result", "it").replace("comes out", "stands")
                need(False, f"look at {name}, which you give to learn: {said}")
        calls.append(x)
        return w, b

    score = answer(learn, data, yes)
    need(calls or score is None, "your code never calls learn, which gives you w and b.")
    return score


@compared(
    random=some_data, probe=told,
    mistakes={
        "n times n": lambda learn, data, yes: held_back_score(learn, data, yes, lambda preds: preds > 0),
        "training digits": lambda learn, data, yes: held_back_score(learn, data[:2] * 2, yes)})
def held_back_score(learn, data, yes, says=lambda preds: preds[:, 0] > 0):
    (x, labels), (images, truth) = data[:2], data[2:]
    w, b = learn(x.flatten(1), (labels == yes).float()[:, None], .5, 100)
    return (says(images.flatten(1) @ w + b) == (truth == yes)).float().mean().item()
