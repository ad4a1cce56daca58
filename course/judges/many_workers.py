"""The exercises of the notebook about many workers."""
import itertools

import torch
from torch import Tensor, nn

from course.exercises import a_kind, compared, described, need, tried
from course.judges.linear_model import whole


def some_workers() -> tuple:
    """A gradient for each of up to five workers, of any shape, nan where it has no digits, and the counts."""
    counts = [whole(0, 2) * whole(1, 20) for _ in range(whole(1, 5))]
    counts[whole(1, len(counts)) - 1] = whole(1, 40)
    shape = [whole(1, 3) for _ in range(whole(0, 2))]
    return [torch.randn(shape) if n else torch.full(shape, torch.nan) for n in counts], counts


@compared(cases=lambda: [([torch.tensor([1., 0.]), torch.tensor([5., 4.])], [3, 1])], random=some_workers, tries=40, mistakes={
    "plain mean": lambda gradients, counts: torch.stack(gradients).mean(0),
    "nan": lambda gradients, counts: sum(g * n for g, n in zip(gradients, counts)) / sum(counts)})
def whole_gradient(gradients, counts):
    return sum(g * n for g, n in zip(gradients, counts) if n) / sum(counts)


@tried()
def share_of(answer):
    for count, workers in [(6, 2), (7, 3), *itertools.product(range(12), range(1, 6)), (500, 3)]:
        asked = [answer(count, worker, workers) for worker in (*range(workers), *reversed(range(workers)))]
        for share in asked:
            need(hasattr(share, "__len__"), f"{a_kind(share)} comes back where a list of rows is wanted.")
        shares = [[row.item() if hasattr(row, "item") else row for row in share] for share in asked]
        rows, what = sum(shares[:workers], []), f"with {count} digits, the workers get {described(tuple(shares[:workers]))}."
        need(all(type(row) is int for row in rows), "the list holds something else than whole numbers, which rows have.")
        need(sorted(rows) == list(range(count)), f"{what} Each of the rows from 0 to count - 1 should be dealt, once only.")
        need(max(map(len, shares)) - min(map(len, shares)) <= 1, f"{what} No share should have two rows more than another.")
        need(shares == shares[::-1], f"with {count} digits, a worker of {workers} gets other rows when it asks a second time.")


def some_nets() -> tuple:
    """A function that makes up to four nets, built alike, with gradients at random."""
    count, sizes = whole(1, 4), (whole(1, 4), whole(1, 4), 1)

    def nets():
        made = [nn.Sequential(nn.Linear(*sizes[:2]), nn.ReLU(), nn.Linear(*sizes[1:])) for _ in range(count)]
        for p in nn.ModuleList(made).parameters():
            p.grad = torch.randn_like(p)
        return made
    nets.__name__ = f"{count} nets with layers of {sizes}"
    return nets,


def all_reduced(answer, nets):
    """A row of gradients for each net, and a last one: the last net's after those of the first have been zeroed."""
    made = nets()
    params = list(nn.ModuleList(made).parameters())
    before = [p.detach().clone() for p in params]
    answer(list(made))
    need(all(map(torch.equal, params, before)), "the parameters have changed. Only the gradients, p.grad, are to be averaged.")
    need(all(p.grad is not None for p in params), "some gradients are gone (None).")
    found = [torch.cat([p.grad.flatten() for p in net.parameters()]) for net in made]
    made[0].zero_grad(set_to_none=False)
    return torch.stack([*found, torch.cat([p.grad.flatten() for p in made[-1].parameters()])])


@compared(cases=list, random=some_nets, probe=all_reduced, mistakes={
    "as they were": lambda models: None,
    "one tensor": lambda models: average_gradients(models, lambda mean: mean)})
def average_gradients(models, give=Tensor.clone):
    for group in zip(*[model.parameters() for model in models]):
        mean = torch.stack([p.grad for p in group]).mean(0)
        for p in group:
            p.grad = give(mean)
