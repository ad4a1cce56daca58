"""The exercises of notebook 05, mini-batch SGD."""
from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from course.exercises import a_kind, compared, need, rounded, same, tried
from utils import Batches, train_epoch


@compared(
    cases=lambda: [(10, 4, 1), (8, 4, 3), (3, 10, 2), (1, 1, 1), (500, 32, 40), (0, 4, 5)],
    hints=["How many batches does one epoch have, when the last one may be smaller? Notebook 5 has a class that knows "
           "it.",
           "10 / 4 is 2.5, and that means 3 batches. math.ceil rounds up."],
    mistakes={
        "the digits that are left over at the end of an epoch get no step: rounding down throws the remainder away. "
        "They make a smaller last batch, and that is a step too.":
            lambda n, batch_size, epochs: n // batch_size * epochs,
        "round() goes to the nearest whole number, and that may be the one below: then the digits that are left over "
        "get no step. They make a smaller last batch, and that is a step too.":
            lambda n, batch_size, epochs: round(n / batch_size) * epochs,
        "there is half a step or the like in it. A batch that is not full still makes a whole step: round up, before "
        "you multiply.": lambda n, batch_size, epochs: n / batch_size * epochs,
        "these are the steps of one epoch, and there are several.": lambda n, batch_size, epochs: -(-n // batch_size),
        "you count one batch too many where the digits fill the last batch exactly, as 8 digits fill two batches of 4.":
            lambda n, batch_size, epochs: (n // batch_size + 1) * epochs,
        "you treat all epochs as one long row of digits. But each epoch ends with a batch of its own, full or not: "
        "count the batches of one epoch first.": lambda n, batch_size, epochs: -(-n * epochs // batch_size),
    },
    right="With 500 digits in batches of 32, forty epochs are 640 steps. With all of them in one batch, the same "
          "forty epochs are only 40.")
def number_of_steps(n, batch_size, epochs):
    return len(range(0, n, batch_size)) * epochs


@compared(
    cases=lambda: [([.5, .9, .2], [4, 6, 3]), ([1., .5], [300, 100]), ([.5, .75, 1.], [4, 4, 2]), ([.25], [7]),
                   ([.9, .7], [5, 5]), ([2., 4., 8.], [1, 2, 1])],
    hints=["A batch's mean times its size is the sum over its digits. Which sum do you need, and what do you divide it "
           "by?",
           "zip(values, sizes) walks along both lists at once. You need the sum of value times size over all batches."],
    mistakes={
        "this is the plain mean of the batch means. A digit in a small batch counts more in it than one in a large "
        "batch: count digits, not batches.": lambda values, sizes: sum(values) / len(values),
        "you divided by the number of batches. Value times size is a sum over digits, so divide by the number of "
        "digits.":
            lambda values, sizes: sum(v * n for v, n in zip(values, sizes)) / len(values),
        "this is the sum over all digits. Divide it by how many digits there are.":
            lambda values, sizes: sum(v * n for v, n in zip(values, sizes)),
        "you divided each mean by the size of its batch, so small batches count most. It is the other way round: "
        "multiply.":
            lambda values, sizes: sum(v / n for v, n in zip(values, sizes)) / sum(1 / n for n in sizes),
        "the sum of the means is divided by the number of digits. A mean stands for all digits of its batch: give it "
        "that weight first.": lambda values, sizes: sum(values) / sum(sizes),
        "one number for each batch comes back. These are the shares of the batches: add them up.":
            lambda values, sizes: torch.tensor(values) * torch.tensor(sizes) / sum(sizes),
        "all batches are treated as if they were as large as the first one. The last one may be smaller.":
            lambda values, sizes: sum(values) * sizes[0] / sum(sizes),
        "only the first batch is counted. Does the return stand inside the loop? There it ends the function in the "
        "first round.": lambda values, sizes: values[0] * sizes[0] / sum(sizes),
        "this is the mean of the first batch alone. Does the return stand inside the loop? There it ends the function "
        "in the first round.": lambda values, sizes: values[0],
        "only the last batch is counted: the sum begins anew in each round. += adds to what is there.":
            lambda values, sizes: values[-1] * sizes[-1] / sum(sizes),
    },
    right="However you cut the digits into batches, the result is the same now. The plain mean changes with the batch "
          "size.")
def mean_over_batches(values, sizes):
    return (torch.tensor(values) @ torch.tensor(sizes).float()).item() / sum(sizes)


@tried(
    hints=["torch.randperm(n) gives the numbers from 0 to n - 1 in random order, and .split(batch_size) cuts them.",
           "Take the same row numbers for x and for y, or digits and targets lose each other.",
           "A loop over the groups of row numbers; in it, yield a pair, taken from x and from y with these rows."],
    right="Each digit once in an epoch, in a new order each time, and each with its own target. PyTorch's DataLoader "
          "with shuffle=True does the same.")
def shuffled_batches(answer):
    def once(x, y, size):
        mine = x.clone()
        got = answer(mine, y.clone(), size)
        need(got is not None, "nothing comes back (None): yield each batch, or return a list of them.")
        need(hasattr(got, "__iter__"), f"{a_kind(got)} comes back where batches are wanted: yield each batch, or "
             f"return a list.")
        need(not (type(got) in (tuple, list) and len(got) == 2 and all(isinstance(t, Tensor) for t in got)), "a single "
             "pair comes back. return hands back one batch and ends. yield hands them out, one after the other; or "
             "collect the pairs in a list, and return that after the loop.")
        got = list(got)
        need(all(type(b) in (tuple, list) and len(b) == 2 and all(isinstance(t, Tensor) for t in b) for b in got),
             "each batch should be a pair of tensors, xb and yb.")
        need(torch.equal(mine, x), "your code shuffles x itself, and whoever called it is left with the digits in "
             "another order. Leave x as it is, and take rows from it.")
        need(all(xb.ndim == yb.ndim == 2 and len(xb) == len(yb) for xb, yb in got), "in a batch, xb should have a row "
             "for each digit, (b, 784) for our digits, and yb one target for each, (b, 1).")
        need(got, f"no batch at all comes out of {len(x)} digits.")
        return got

    x = torch.arange(50.)[:, None]
    first, second = once(x, x, 7), once(x, x, 7)
    rows = [xb[:, 0] for xb, yb in first]
    need(len(rows) > 1 or len(rows[0]) >= len(x), "only one batch comes out, and the other digits are missing. Does a "
         "return stand in the loop? It ends the function.")
    need(len(rows) > 1, "all digits come in one batch: cut them into groups of batch_size.")
    need(not torch.equal(torch.cat(rows), x[:, 0]), "the digits come in the order in which they lie: they are not "
         "shuffled.")
    need(not all((r.sort()[0].diff() == 1).all() for r in rows), "digits that lie side by side stay together in one "
         "batch. Our digits lie sorted, so a batch would hold only one kind: shuffle all digits before you cut.")
    need(not all(torch.equal(xb, xc) for (xb, _), (xc, _) in zip(first, second)), "each pass has the same order: draw "
         "a new one each time, without setting a seed inside.")
    for n, size in [(10, 4), (9, 4), (8, 4), (1, 4), (3, 10)]:
        x = torch.arange(n, dtype=torch.float32)[:, None].expand(n, 5).clone()
        got = once(x, 100 + x[:, :1], size)
        xs, ys = torch.cat([xb for xb, yb in got]), torch.cat([yb for xb, yb in got])
        need(len(xs) >= n, f"of {n} digits only {len(xs)} came out: the last batch may be smaller, but it is not left "
             f"out.")
        need(len(xs) == n, f"of {n} digits {len(xs)} came out: each one should come once.")
        need(len(xs[:, 0].unique()) == n, "some digits came twice and others not at all: drawing with randint puts "
             "each digit back, and dealing cards with randperm does not.")
        need(torch.equal(ys, 100 + xs[:, :1]), "digits and targets no longer belong together: both must be taken with "
             "the same row numbers.")
        need([len(xb) for xb, yb in got] == [min(size, n - k) for k in range(0, n, size)],
             f"{n} digits in batches of {size} came out in the sizes {[len(xb) for xb, yb in got]}. Only the last "
             "batch may be smaller.")


@tried(
    hints=["Each parameter needs a velocity of its own that lives from step to step: a list of zeros beside the list "
           "of parameters, made in __init__ and kept in self.",
           "The two formulas of the task are the body of step, once for each parameter: first the velocity, then the "
           "parameter. Both change under torch.no_grad(), and in place.",
           "model.parameters() can be walked through only once, so keep self.params = list(params). zero_grad sets "
           "each .grad to None and leaves the velocities alone."],
    right="The same path as torch.optim.SGD, step by step. With momentum=1 the velocity is the sum of all gradients so "
          "far: that is the loop of notebook 3 that forgot to zero, a ball without friction.")
def Momentum(answer):
    def path(make, lr, momentum, walk, unused=()):
        """Ten steps in a valley that is steep for w and flat for b; `walk` hands the parameters over."""
        w, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
        opt, places = make(walk([w, *unused, b]), lr, momentum), [torch.zeros(2)]
        for method in ("step", "zero_grad"):
            need(callable(getattr(opt, method, None)), f"what it makes has no method {method}: the training loop calls "
                 "opt.step() and opt.zero_grad().")
        for _ in range(10):
            (10 * (w - 1) ** 2 + (b + 2) ** 2).sum().backward()
            opt.step()
            opt.zero_grad()
            places.append(torch.cat([w, b]).detach())
        return torch.stack(places)

    def by_hand(velocity_of, keep=list):
        """Momentum with a velocity for each velocity_of(parameter)."""
        def make(params, lr, momentum):
            params, seen, velocity = keep(params), [], {}

            @torch.no_grad()
            def step():
                for p in params:
                    if p.grad is not None:
                        velocity[velocity_of(p)] = momentum * velocity.get(velocity_of(p), 0) + p.grad
                        p -= lr * velocity[velocity_of(p)]
                    seen.append(p)

            def zero_grad():
                for p in seen:
                    p.grad = None
            return SimpleNamespace(step=step, zero_grad=zero_grad)
        return make

    sgd = torch.optim.SGD
    mistakes = {
        "the parameters stay where they started. Either the steps go into a new tensor (p = p - … makes one, p -= … "
        "changes p), or there is nothing to walk through: model.parameters() can be walked through once, and "
        "list(params) keeps it.":
            lambda params, lr, momentum: sgd(params, 0.),
        "the parameters move once and then never again: model.parameters() can be walked through only once. Keep "
        "list(params).":
            by_hand(id, keep=iter),
        "your path is that of plain SGD: the velocity does not live from one step to the next. Keep it in self, let "
        "the step use it, and let zero_grad forget the gradients only.": lambda params, lr, momentum: sgd(params, lr),
        "the gradient comes in with the factor 1 - momentum. Many books write it so; PyTorch adds the whole gradient, "
        "which makes larger steps. Here it should be PyTorch's way.":
            lambda params, lr, momentum: sgd(params, lr * (1 - momentum), momentum=momentum),
        "the gradient is multiplied by the momentum too. Only the old velocity is slowed down; the new gradient is "
        "added whole.": lambda params, lr, momentum: sgd(params, lr * momentum, momentum=momentum),
        "all parameters share one velocity, so each is pushed by the gradients of the others. Keep one for each.":
            by_hand(type),
        "it climbs instead of descending: the velocity is a sum of gradients, and these point upwards. Subtract.":
            lambda params, lr, momentum: sgd(params, lr, momentum=momentum, maximize=True),
        "the gradients pile up: zero_grad does not forget them, so each backward() adds to the old ones. Set each "
        ".grad to None.": lambda params, lr, momentum: type("Piled", (sgd,), {"zero_grad": lambda self: None})(
            params, lr, momentum=momentum),
    }
    for lr, momentum, walk in [(.02, .9, list), (.02, .9, iter), (.04, .5, list), (.04, 0., list), (.01, 1., list)]:
        got = path(answer, lr, momentum, walk)
        wanted = path(lambda params, lr, momentum: sgd(params, lr, momentum=momentum), lr, momentum, walk)
        if same(got, wanted):
            continue
        for sentence, mistake in mistakes.items():
            need(not same(got, path(mistake, lr, momentum, walk)), sentence)
        step = next(k for k in range(11) if not same(got[k], wanted[k]))
        side = int(same(got[step, 0], wanted[step, 0]))
        was, now, should = (f"{v[side]:.4g}" for v in (wanted[step - 1], got[step], wanted[step]))
        need(False, f"with lr={lr} and momentum={momentum}, step {step} is the first that differs from PyTorch's: a "
             f"parameter goes from {was} to {now}, and should go to {should}. Follow the example in the description by "
             f"hand.")

    alone = ("a parameter that the loss does not use has the .grad None: leave it alone, in step and in zero_grad, and "
             "go on with the next.")
    unused = torch.ones(1, requires_grad=True)
    try:
        got = path(answer, .02, .9, list, [unused])
    except (AttributeError, TypeError) as error:
        need("NoneType" not in str(error), f"it is right as long as every parameter has a gradient, but {alone} "
             f"(Python says: {type(error).__name__}: {error}.)")
        raise
    need(same(got, path(lambda params, lr, momentum: sgd(params, lr, momentum=momentum), .02, .9, list)) and
         same(unused, torch.ones(1)), f"it is right as long as every parameter has a gradient, but {alone}")


@compared(
    cases=lambda: [([.9, .5, .6, .7, .8, .4, .6, .7, .9], 2), ([.9, .5, .6, .7, .4], 2),
                   ([.9, .7, .8, .6, .65, .5, .55, .6, .7, .8], 3), ([.9, .8, .7], 2), ([.5], 1),
                   ([3e20, 2e20, 2.5e20, 2.6e20, 1e20], 2),
                   ([.5, .5, .5, .4], 2), ([.5, .6, .55, .3], 2), ([.5, math.nan, .6, .4], 2),
                   ([math.nan, .5, .6, .4, .7], 3), ([.9, .5, .6], 5), ([.5, .6, .4], 1),
                   ([.9, .5, .8, .7, .6, .55, .4], 4),
                   ([.8, .5, .6, .6, .7, .7, .8, .3], 2)],
    hints=["Walk through the losses and keep two things: the lowest loss so far, and the epoch in which it came.",
           "math.inf is larger than any loss, so the first number is always better. And nan is not below anything, so "
           "< treats it as it should.",
           "Patience runs out when the epoch number is `patience` larger than that of the best epoch."],
    mistakes={
        "each loss is compared with the one before. It should be compared with the best so far: after .5 and .6, a .55 "
        "is lower than the last, but still no better than the best.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: v[k] < v[k - 1]),
        "it waits one epoch too long: with patience 2 it stops after the second epoch that is no better.":
            lambda losses, patience: stops_at(losses, patience + 1),
        "it stops one epoch too early: with patience 2, two epochs have to be no better than the best.":
            lambda losses, patience: stops_at(losses, patience - 1),
        "an equal loss counts as better. No longer getting better means just that: equal is not better, so patience "
        "runs on.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: v[k] <= v[best]),
        "a loss of nan counts as better. nan is neither below nor above any number, so ask whether the new loss is lower, "
        "and not whether it is higher.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: not v[k] >= v[best]),
        "when the first loss is nan, no later one is ever better: nothing is lower than nan. Begin with math.inf as "
        "the best loss instead.":
            lambda losses, patience: stops_at(losses, patience, better=lambda v, k, best: not best or v[k] < v[best]),
        "the epoch in which training stops comes back as the best one too. It is only the epoch in which we noticed; "
        "the best one lies `patience` epochs before.": lambda losses, patience: (stops_at(losses, patience)[0],) * 2,
        "the two results have changed places: first the epoch in which it stops, then the best.":
            lambda losses, patience: stops_at(losses, patience)[::-1],
        "your epochs begin at 0. We count from 1, so that the number of the last epoch is how many there were.":
            lambda losses, patience: tuple(epoch - 1 for epoch in stops_at(losses, patience)),
        "you look into the future: the best epoch is chosen from all losses, also from those after training has "
        "stopped.":
            lambda losses, patience: (stops_at(losses, patience)[0], stops_at(losses, len(losses))[1]),
        "it looks at all losses before it decides. Stop where patience runs out; the later losses are never seen.":
            lambda losses, patience: (min((best := stops_at(losses, len(losses))[1]) + patience, len(losses)), best),
        "it never stops early: it goes through all losses, whatever the patience.":
            lambda losses, patience: (len(losses), stops_at(losses, len(losses))[1]),
        "the epochs that are no better are counted all in all. The count begins again at 0 with each new best.":
            lambda losses, patience: stops_at(losses, patience, in_a_row=False),
        "a loss may be larger than the number you begin with; math.inf is larger than any.":
            lambda losses, patience: stops_at(losses, patience, start=1.),
        "no loss is ever below the number you begin with, so none is ever better. Begin with math.inf.":
            lambda losses, patience: stops_at(losses, patience, start=-1.),
        "2 is built in, as in the example. It should wait as many epochs as `patience` says.":
            lambda losses, patience: stops_at(losses, 2),
    },
    right="These are the two epochs that fit_until needs: it ends after the first and goes back to the parameters of "
          "the second.")
def stops_at(losses, patience, better=lambda v, k, best: v[k] < v[best], in_a_row=True, start=math.inf):
    values, best, waited = [start, *losses], 0, 0
    for epoch in range(1, len(values)):
        if better(values, epoch, best):
            best, waited = epoch, 0 if in_a_row else waited
        else:
            waited += 1
            if waited >= patience:
                return epoch, best
    return len(losses), best


@tried(
    hints=["__init__ only stores what it is given, and self.epoch = 0. fit is a loop over epochs; train_epoch does one "
           "of them.",
           "After each epoch: add 1 to self.epoch, then call every callback with self and collect what they return in "
           "a list.",
           "break ends only the innermost loop. Look at the collected answers after the loop over the callbacks, not "
           "inside."],
    right="Recording, stopping, printing, saving: all of it now fits in from outside, and the loop never changes "
          "again. fastai's Learner is built in this way.")
def CallbackLearner(answer):
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    train = Batches(x, (x[:, :1] > 0).float(), 8)

    def begin(callbacks, made=answer):
        model = nn.Linear(3, 1)
        nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
        opt = torch.optim.SGD(model.parameters(), lr=.5)
        if made is None:
            return model, opt
        learner = made(model, opt, train, callbacks)
        need(callable(getattr(learner, "fit", None)), "what it makes has no method fit: it should be a class with "
             "__init__ and fit, as in the stub.")
        return learner, model

    def numbers(model):
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    (model, opt), states = begin([], None), []
    for _ in range(8):
        states.append(numbers(model))
        train_epoch(model, opt, train)

    def epochs_of(model):
        return next((k for k, state in enumerate(states) if torch.allclose(state, numbers(model), atol=1e-6)), None)

    def epoch_of(learner):
        return getattr(learner, "epoch", None)

    learner, model = begin([])
    learner.fit(2)
    done = epochs_of(model)
    need(done != 0, "after fit(2) the model is as it was: train it in each epoch, with train_epoch or with the loop in "
         "it.")
    need(done is not None, "after fit(2) the model is not where two epochs of train_epoch lead. Is each batch used "
         "once in each epoch, and are the gradients zeroed after each step?")
    need(done == 2, f"after fit(2) the model has been trained for {done} epoch{'s' * (done != 1)}.")
    need(epoch_of(learner) == 2, f"after fit(2), learner.epoch should be 2, and it is {rounded(epoch_of(learner))}.")

    calls = []
    learner, model = begin([lambda *got: calls.append(("a", got, epochs_of(model), epoch_of(learner))),
                            lambda *got: calls.append(("b", got, epochs_of(model), epoch_of(learner)))])
    learner.fit(3)
    need(calls, "the callbacks are never called: go through self.callbacks after each epoch.")
    need(all(len(got) == 1 and got[0] is learner for _, got, _, _ in calls), "a callback should be given the learner "
         "itself and nothing else: callback(self).")
    need(epochs_of(model) == 3, f"fit(3) ended after {epochs_of(model)} of 3 epochs although no callback returned "
         "True. One that returns nothing gives None, and that is no reason to stop.")
    need("".join(name for name, *_ in calls) not in ("ab", "aabb"), "the callbacks are called only once, for all "
         "epochs together. They want to be called after each epoch.")
    times = sum(name == "a" for name, *_ in calls)
    need(times == len(calls) - times == 3, f"in 3 epochs of 3 batches each, the first callback was called {times} "
         f"times and the second {len(calls) - times} times. Each should be called once after each epoch.")
    need([name for name, *_ in calls] == ["a", "b"] * 3, "the callbacks are not called in the order in which they were "
         "given.")
    need([done for _, _, done, _ in calls] == [1, 1, 2, 2, 3, 3], "the callbacks are called before the epoch is "
         "trained, and should be called after it.")
    need([epoch for *_, epoch in calls] == [1, 1, 2, 2, 3, 3], f"after the first epoch a callback sees learner.epoch = "
         f"{rounded(calls[0][3])}, and should see 1: count the epoch first, then call the callbacks.")

    ends, behind = [], []
    for place in (0, 1):
        callbacks, called = [lambda learner: learner.epoch == 2], []
        callbacks.insert(1 - place, lambda learner: called.append(1))
        learner, model = begin(callbacks)
        learner.fit(5)
        ends.append(epochs_of(model))
        behind.append(len(called))
    need(1 not in ends, "training ended after an epoch in which the callbacks returned False and None. Only True ends "
         "it.")
    need(ends != [5, 5], "a callback returned True after epoch 2, and training went on to the end. Look at what the "
         "callbacks return, and remember that break ends only the innermost loop.")
    need(ends[0] == 2, "when the first of two callbacks returns True, training goes on. Does the answer of the second "
         "one take the place of the first one's?")
    need(ends[1] == 2, "only the first callback can stop the training. Any of them should be able to.")
    need(behind[0] == 2, "when a callback returns True, the ones behind it are not called any more in that epoch. "
         "any(…) over a generator, or, break and return all stop looking at the first True: call all of them first.")

    learner, model = begin([lambda learner: learner.epoch % 2 == 0])
    learner.fit(9)
    learner.fit(9)
    need(not (epochs_of(model) == 4 and epoch_of(learner) == 2), "with a second fit, learner.epoch begins again at 0. "
         "It should count on: how many epochs it has trained so far, over all calls of fit.")
    need(epochs_of(model) == 4 and epoch_of(learner) == 4, "a second fit should train on until a callback returns True "
         f"again, here from epoch 2 to epoch 4, and it ended with learner.epoch = {rounded(epoch_of(learner))}. Is "
         f"something "
         "left over from the first fit?")
