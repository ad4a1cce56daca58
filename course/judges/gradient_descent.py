"""The exercises of the notebook about gradient descent."""
import torch
from torch import Tensor

from course.exercises import compared
from course.judges.linear_model import whole


def a_shape(most: int) -> tuple:
    """The shape of a tensor with up to so many axes, each of length 1 to 3."""
    return tuple(whole(1, 3) for _ in range(whole(0, most)))


def some_losses() -> tuple[list, float]:
    """None to six losses and a least improvement, all a few times the same power of 2, so that nothing is rounded."""
    unit = .5 ** whole(0, 12)
    return [unit * whole(0, 5) for _ in range(whole(0, 6))], unit * whole(1, 4)


@compared(
    cases=lambda: [([9., 4., 3.999], .01), ([9., 4., 3.], .01), ([4., 3.], 1.)],
    random=some_losses, tries=40,
    mistakes={
        "growing counts": lambda losses, least: len(losses) > 1 and losses[-2] - losses[-1] < least,
        "abs": lambda losses, least: len(losses) > 1 and abs(losses[-2] - losses[-1]) < least,
        "small loss": lambda losses, least: len(losses) > 0 and losses[-1] < least})
def converged(losses, least):
    return len(losses) > 1 and 0 <= losses[-2] - losses[-1] < least


def three_steps(answer, params, grads, lr) -> Tensor:
    """All numbers of all parameters, a row after each step; as with backward, a gradient is added to what is still there."""
    tensors, path = [p.clone().requires_grad_() for p in params], []
    for k in range(3):
        for p, grad in zip(tensors, grads):
            if grad is not None:
                (p * (k + 1) * grad).sum().backward()
        answer(list(tensors), lr)
        path.append(torch.cat([p.detach().flatten() for p in tensors]))
    return torch.stack(path)


def params_and_grads() -> tuple[list, list, float]:
    """Parameters of any shape, a gradient or None for each, with zeros in it, and a learning rate."""
    params = [torch.randn(a_shape(2)) for _ in range(whole(1, 4))]
    return params, [torch.randint(-1, 2, p.shape).float() if whole(0, 3) else None for p in params], whole(1, 8) / 10


@compared(
    cases=lambda: [([torch.tensor([4., 1.5])], [torch.ones(2)], .5)],
    random=params_and_grads, tries=40, probe=three_steps,
    mistakes={
        "new tensors": lambda params, lr: None,
        "gradients kept": lambda params, lr: sgd_step(params, lr, clear=False)})
def sgd_step(params, lr, clear=True):
    for p in params:
        if p.grad is not None:
            p.data -= lr * p.grad
            p.grad = None if clear else p.grad


def bowl(p):
    return p.square().sum()


def a_bent_loss() -> tuple:
    """A loss that bends and needs the shape of its parameters, the parameters, and the size of a nudge."""
    params, factors = torch.randn(2, *a_shape(3)).double()

    def bent(p):
        return (factors * p ** 3).sum() + p.prod()
    return bent, params, whole(1, 5) / 10


@compared(
    cases=lambda: [(bowl, torch.tensor([[1., 3.]]), .5)],
    random=a_bent_loss,
    mistakes={
        "one-sided": lambda loss_of, params, size: nudged_slopes(loss_of, params, size, down=0, over=1)})
def nudged_slopes(loss_of, params, size, down=1, over=2):
    nudges = size * torch.eye(params.numel(), dtype=params.dtype).view(-1, *params.shape)
    slopes = [(loss_of(params + nudge) - loss_of(params - down * nudge)) / (over * size) for nudge in nudges]
    return torch.stack(slopes).view(params.shape)


def two_tables() -> tuple[Tensor, Tensor]:
    """Training and held-back rows, one at least; columns of any scale, and some that never vary in training."""
    k, n, m = (whole(1, 4) for _ in range(3))
    rows = torch.randint(-3, 4, (n + m, k)) * 10. ** torch.randint(-3, 1, (k,)) + torch.randn(k)
    return torch.where(torch.rand(k) < .3, rows[0], rows[:n]), rows[n:]


@compared(
    cases=lambda: [(torch.tensor([[1.], [2.], [3.]]), torch.tensor([[4.]])),
                   *((torch.full((n, 1), number), torch.tensor([[number], [9.]])) for n, number in ((7, .1), (10, .3)))],
    random=two_tables,
    mistakes={
        "mean of its own": lambda train, valid: (standardised(train, train)[0], standardised(valid, valid)[0]),
        "tiny std": lambda train, valid: [
            (rows - train.mean(0)) / torch.where(train.std(0) > 0, train.std(0), 1.) for rows in (train, valid)]})
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    std[(train == train[0]).all(0)] = 1
    return (train - mean) / std, (valid - mean) / std


@compared(
    cases=lambda: [(torch.zeros(3), torch.tensor([1., 2.]), torch.tensor([1., 3.]))],
    random=lambda: (5 * torch.randn(3), 2 * torch.rand(n := whole(1, 8)), 4 * torch.randn(n)),
    mistakes={
        "sign of gravity": lambda params, x, y: throw_gradient(params, x, y) * torch.tensor([1., 1., -1.]),
        "x² for gravity": lambda params, x, y: throw_gradient(params, x, y) * torch.tensor([1., 1., -2.]),
        "gravity in its slope": lambda params, x, y: throw_gradient(params, x, y) * torch.tensor([1., 1., params[2]])})
def throw_gradient(params, x, y):
    columns = torch.stack([x, torch.ones_like(x), -x ** 2 / 2], 1)
    return 2 * columns.T @ (columns @ params - y) / len(x)


@compared(
    cases=lambda: [(torch.tensor([0., 1., 2.]), torch.tensor([1., 3., 1.]), .2, 100)],
    random=lambda: (2 * torch.rand(n := whole(1, 8)), torch.randn(n) * 10. ** whole(-4, 1), whole(1, 10) / 100, whole(1, 11)),
    probe=lambda answer, *case: list(answer(*case)),                               # three numbers in a tensor will do
    mistakes={
        "gradients kept": lambda x, y, lr, steps: fit_throw(x, y, lr, steps, kept=1),
        "sum of squares": lambda x, y, lr, steps: fit_throw(x, y, lr * len(x), steps)})
def fit_throw(x, y, lr, steps, kept=0):
    params, slopes = torch.zeros(3), torch.zeros(3)
    for _ in range(steps):
        slopes = kept * slopes + throw_gradient(params, x, y)
        params = params - lr * slopes
    return params.tolist()
