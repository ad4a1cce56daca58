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


@compared(cases=lambda: [([9., 4., 3.999], .01), ([9., 4., 3.], .01), ([4., 3.], 1.)], random=some_losses, tries=40,
    mistakes={
        "a loss that grows counts as arrived: its improvement is negative, and so it is small as well.":
            lambda losses, least: len(losses) > 1 and losses[-2] - losses[-1] < least,
        "a loss that grows a little counts as arrived: abs hides the sign of so small a change.":
            lambda losses, least: len(losses) > 1 and abs(losses[-2] - losses[-1]) < least,
        "you ask whether the loss is small. Ask by how much it has just changed.":
            lambda losses, least: len(losses) > 0 and losses[-1] < least})
def converged(losses, least):
    return len(losses) > 1 and 0 <= losses[-2] - losses[-1] < least


def three_steps(answer, params, grads, lr) -> Tensor:
    """All numbers of all parameters, a row after each step; as with backward, a gradient is added to what is still there."""
    tensors, path = [p.clone().requires_grad_() for p in params], []
    for k in range(3):
        for p, grad in zip(tensors, grads):
            if grad is not None and p.requires_grad:
                p.grad = (0 if p.grad is None else p.grad) + (k + 1) * grad
        answer(list(tensors), lr)
        path.append(torch.cat([p.detach().flatten() for p in tensors]))
    return torch.stack(path)


def params_and_grads() -> tuple[list, list, float]:
    """Parameters of any shape, a gradient or None for each, with zeros in it, and a learning rate."""
    shapes = [a_shape(2) for _ in range(torch.randint(1, 5, ()))]
    grads = [None if torch.rand(()) < .25 else torch.randint(-1, 2, shape).float() for shape in shapes]
    return [torch.randn(shape) for shape in shapes], grads, torch.randint(1, 9, ()).item() / 10


@compared(
    cases=lambda: [([torch.tensor([4., 1.5])], [torch.ones(2)], .5)], random=params_and_grads, probe=three_steps, tries=40,
    mistakes={
        "the tensors are what they were before. p = p - … makes a new tensor; p -= … changes the one that the model uses.":
            lambda params, lr: None,
        "the gradient is still there after the step, and the next backward() adds to it: p.grad = None.":
            lambda params, lr: sgd_step(params, lr, clear=False)})
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
    return bent, params, torch.randint(1, 6, ()).item() / 10


@compared(cases=lambda: [(bowl, torch.tensor([[1., 3.]]), .5)], random=a_bent_loss,
    mistakes={
        "this is the change from params upwards, over one nudge. A curve bends, so look to both sides, over two nudges.":
            lambda loss_of, params, size: nudged_slopes(loss_of, params, size, down=0, over=1)})
def nudged_slopes(loss_of, params, size, down=1, over=2):
    nudges = size * torch.eye(params.numel(), dtype=params.dtype).view(-1, *params.shape)
    slopes = [(loss_of(params + nudge) - loss_of(params - down * nudge)) / (over * size) for nudge in nudges]
    return torch.stack(slopes).view(params.shape)


def two_tables() -> tuple[Tensor, Tensor]:
    """Training and held-back rows, one at least; columns of any scale, and some that never vary in training."""
    k, n, m = torch.randint(1, 5, (3,)).tolist()
    rows = torch.randint(-3, 4, (n + m, k)) * 10. ** torch.randint(-3, 1, (k,)) + torch.randn(k)
    return torch.where(torch.rand(k) < .3, rows[0], rows[:n]), rows[n:]


@compared(cases=lambda: [(torch.tensor([[1.], [2.], [3.]]), torch.tensor([[4.]])),
                   *((torch.full((n, 1), number), torch.tensor([[number], [9.]])) for n, number in ((7, .1), (10, .3)))],
    random=two_tables,
    mistakes={
        "the held-back rows get a mean and std of their own, but the same number must mean the same in both: use train's.":
            lambda train, valid: (standardised(train, train)[0], standardised(valid, valid)[0]),
        "enormous numbers come out where a column never varies: by rounding, its std is tiny. Are all rows equal?":
            lambda train, valid: tuple(
                (rows - train.mean(0)) / torch.where(train.std(0) > 0, train.std(0), 1.) for rows in (train, valid))})
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    std[(train == train[0]).all(0)] = 1
    return (train - mean) / std, (valid - mean) / std


def a_film() -> tuple:
    """Parameters (3,), times (n,) and heights (n,), all at random; one dot is a film, too."""
    n = int(torch.randint(1, 9, ()))
    return 5 * torch.randn(3), 2 * torch.rand(n), 4 * torch.randn(n)


@compared(cases=lambda: [(torch.zeros(3), torch.tensor([1., 2.]), torch.tensor([1., 3.]))], random=a_film,
    mistakes={
        "the slope of gravity has the wrong sign: more gravity means less height, so its factor is -x² / 2.":
            lambda params, x, y: throw_gradient(params, x, y) * torch.tensor([1., 1., -1.]),
        "the third slope comes out -2 times ours: gravity enters the height with the factor -x² / 2, not x².":
            lambda params, x, y: throw_gradient(params, x, y) * torch.tensor([1., 1., -2.]),
        "the slope for gravity holds gravity itself. As with the speed, it is the factor beside it that counts: -x² / 2.":
            lambda params, x, y: throw_gradient(params, x, y) * torch.stack([torch.ones(()), torch.ones(()), params[2]])})
def throw_gradient(params, x, y):
    columns = torch.stack([x, torch.ones_like(x), -x ** 2 / 2], 1)
    return 2 * columns.T @ (columns @ params - y) / len(x)


def a_throw() -> tuple:
    """Times, heights, learning rate and steps; the ball flies high or hardly moves, and then every improvement is tiny."""
    _, x, y = a_film()
    return x, y * 10. ** torch.randint(-4, 2, ()), torch.randint(1, 11, ()).item() / 100, torch.randint(1, 12, ()).item()


@compared(cases=lambda: [(torch.tensor([0., 1., 2.]), torch.tensor([1., 3., 1.]), .2, 100)], random=a_throw, tries=30,
    probe=lambda answer, *case: list(answer(*case)),                               # three numbers in a tensor will do
    mistakes={
        "the gradients add up: the second step uses the first gradient too, and so on. Clear the gradient in each step.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, kept=1),
        "the steps are as many times too large as there are dots: the loss is the sum of the squared errors. Take their mean.":
            lambda x, y, lr, steps: fit_throw(x, y, lr * len(x), steps)})
def fit_throw(x, y, lr, steps, kept=0):
    params, slopes = torch.zeros(3), torch.zeros(3)
    for _ in range(steps):
        slopes = kept * slopes + throw_gradient(params, x, y)
        params = params - lr * slopes
    return params.tolist()
