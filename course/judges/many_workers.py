"""The exercises of notebook 10, many workers."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.exercises import a_kind, compared, need, tried


def rows_of_numbers(*counts):
    """A case of whole_gradient: a gradient for each worker, nan where it has no digits, and the counts."""
    drawn = torch.randn(len(counts), 5, generator=torch.Generator().manual_seed(len(counts)))
    return [row if n else row * float("nan") for row, n in zip(drawn, counts)], list(counts)


def weighted(gradients, weights):
    return sum(g * w for g, w in zip(gradients, weights))


@compared(
    cases=lambda: [rows_of_numbers(24, 8), rows_of_numbers(16, 16), ([torch.tensor([1., 0.]), torch.tensor([5., 4.])], [3, 1]),
                   rows_of_numbers(10, 12, 10), rows_of_numbers(7), rows_of_numbers(32, 1, 1, 30), rows_of_numbers(20, 12, 0)],
    hints=["With 24 and 8 digits, the first gradient counts three times as much as the second: 24 / 32 and 8 / 32.",
           "Multiply each gradient by its number of digits, add up, and divide once by the number of all digits.",
           "nan times 0 is nan. So a worker without digits has to be left out before anything is multiplied."],
    mistakes={
        "this is the plain mean of the gradients. A worker with more digits has to count more.":
            lambda gradients, counts: torch.stack(gradients).mean(0),
        "this is the plain sum of the gradients, without regard to the numbers of digits.":
            lambda gradients, counts: sum(gradients),
        "the gradients are weighted rightly, but nothing divides by the number of all digits.":
            lambda gradients, counts: weighted(gradients, counts),
        "the sum is divided by the number of workers. Divide by the number of digits.":
            lambda gradients, counts: weighted(gradients, counts) / len(counts),
        "you divide by the number of digits where you should multiply: a mean over more digits counts more.":
            lambda gradients, counts: weighted(gradients, [1 / n if n else 0 for n in counts])
            / sum(1 / n for n in counts if n),
        "nan comes out where one worker has no digits. Its gradient is nan, and nan times 0 is nan again: leave it out.":
            lambda gradients, counts: weighted(gradients, counts) / sum(counts),
        "the largest share alone is used.": lambda gradients, counts: gradients[counts.index(max(counts))],
    },
    right="That is what a worker's gradient has to be weighted with when the shares differ. "
          "DistributedDataParallel does not do it.")
def whole_gradient(gradients, counts):
    shares = [(g, n) for g, n in zip(gradients, counts) if n]
    return sum(g * n for g, n in shares) / sum(n for _, n in shares)


@tried(
    hints=["How many digits has the smallest share? count // workers. The remainder is dealt out one by one.",
           "You may deal like cards: which rows does worker 0 of 3 get, if it begins with row 0 and takes every third?",
           "range(start, stop, step) counts in steps."],
    right="Nobody is left out, nobody is counted twice, and no worker needed to ask another. For training with "
          "DistributedDataParallel the shares would have to be equal; for counting right digits these are what you want.")
def share_of(answer):
    for count, workers in [(6, 2), (500, 4), (500, 3), (10, 4), (7, 7), (3, 5), (1, 1), (0, 2)]:
        shares = [answer(count, worker, workers) for worker in range(workers)]
        what = f"with {count} digits and {workers} worker{'s' * (workers > 1)}"
        need(all(share is not None for share in shares), "nothing comes back (None): end your code with return and the "
             "rows.")
        if all(isinstance(share, (range, Tensor)) for share in shares):
            shares = [list(share) if isinstance(share, range) else share.tolist() for share in shares]
        odd = next((share for share in shares if not isinstance(share, (list, tuple))), None)
        need(odd is None, f"{a_kind(odd)} comes back where a list of rows is wanted.")
        rows = [row for share in shares for row in share]
        need(all(type(row) is int for row in rows), "the list holds something else than whole numbers. It should hold "
             "the numbers of the rows.")
        need(not rows or min(rows) >= 0, f"{what}, a row below 0 is dealt.")
        need(count not in rows, f"{what}, row {count} is dealt, and the last one is row {count - 1}: rows begin at 0.")
        need(not rows or max(rows) < count, f"{what}, row {max(rows, default=0)} is dealt, and the last one is row "
             f"{count - 1}.")
        missing = sorted(set(range(count)) - set(rows))
        twice = sorted({row for row in rows if rows.count(row) > 1})
        some = f"{missing[:3]}"[1:-1] + ", …" * (len(missing) > 3)
        remainder = " That is the remainder of the division: somebody must have it." if 0 < len(missing) < workers else ""
        need(not missing or not twice, f"{what}, some rows are dealt twice and others not at all. Do the workers get "
             f"different rows?")
        need(not missing, f"{what}, nobody gets {'rows' if len(missing) > 1 else 'row'} {some}.{remainder}")
        need(not twice, f"{what}, {len(twice)} of the rows {'are' if len(twice) > 1 else 'is'} dealt more than once. "
             "For a count of right digits each may be there once only.")
        sizes = [len(share) for share in shares]
        need(max(sizes) - min(sizes) <= 1, f"{what}, the shares have {max(sizes)} and {min(sizes)} rows. They should "
             "differ by one at most, or the others wait for the worker with the most.")


@tried(
    hints=["zip(*[model.parameters() for model in models]) walks along the parameters of all models side by side: first "
           "all first weights, then all first biases.",
           "Work out the mean of the gradients of such a group before you change any of them: "
           "torch.stack([p.grad for p in group]).mean(0).",
           "Then give it to each of the group, in a second loop: p.grad = mean.clone()."],
    right="That is all-reduce and a division, which DistributedDataParallel does in backward. After it, equal "
          "parameters stay equal, as long as the optimisers do the same.")
def average_gradients(answer):
    for count, sizes in ((2, (1, 1)), (3, (4, 3)), (4, (5, 2))):
        def made():
            torch.manual_seed(count)
            return [nn.Sequential(nn.Linear(*sizes), nn.ReLU(), nn.Linear(sizes[1], 1)).double() for _ in range(count)]
        models, before = made(), made()
        for group in (models, before):
            torch.manual_seed(7)
            for model in group:
                F.mse_loss(model(torch.randn(6, sizes[0]).double()) + 3, torch.randn(6, 1).double()).backward()
        means = [torch.stack([p.grad for p in ps]).mean(0) for ps in zip(*[m.parameters() for m in before])]
        answer(models)
        got = [[p.grad for p in model.parameters()] for model in models]
        old = [[p.grad for p in model.parameters()] for model in before]
        same = [all(g is not None and torch.allclose(g, w) for g, w in zip(grads, means)) for grads in got]
        need(all(torch.equal(p, q) for m, n in zip(models, before) for p, q in zip(m.parameters(), n.parameters())),
             "the parameters have changed. Only the gradients, p.grad, are to be averaged.")
        need(all(g is not None for grads in got for g in grads), "some gradients are gone (None).")
        need(not all(torch.equal(g, o) for grads, olds in zip(got, old) for g, o in zip(grads, olds)), "the gradients "
             "are as they were. Give each parameter its new one: p.grad = …")
        sums = [torch.allclose(g, w * count) for grads in got for g, w in zip(grads, means)]
        need(not all(sums), "every model has the sum of the gradients now. Divide by the number of models.")
        for part, word in ((slice(0, None, 2), "weights"), (slice(1, None, 2), "biases")):
            good = all(torch.allclose(g, w) for grads in got for g, w in zip(grads[part], means[part]))
            other = all(torch.allclose(g, w) for grads in got for g, w in zip(grads[(part.start == 0)::2],
                                                                              means[(part.start == 0)::2]))
            need(good or not other, f"the gradients of the {word} are not the means, those of the others are.")
        first_layers = all(torch.allclose(g, w) for grads in got for g, w in zip(grads[:2], means[:2]))
        need(all(same) or not first_layers, "the first layer is right, and the last one is not. All parameters are to "
             "be averaged.")
        need(all(same) or not any(same), f"with {count} models, {sum(same)} of them got the mean, and the others did "
             "not. Work out the mean before you change any of the gradients, and give it to all of them.")
        need(all(same), f"with {count} models the gradients are not the means over the models. Is each mean worked out "
             "before any of the gradients is changed?")
        owners = {g.data_ptr() for grads in got for g in grads}
        need(len(owners) == count * len(means), "the values are right, but several models hold one and the same tensor. "
             "Whoever changes it for one, with zero_() for instance, changes it for all: give each a .clone().")
