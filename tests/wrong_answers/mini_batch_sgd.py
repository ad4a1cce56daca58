import math
import random

import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong
from utils import train_epoch


# ---------------------------------------------------------------- number_of_steps

@wrong("round() goes to the nearest whole number")
def number_of_steps(n, batch_size, epochs):
    steps = 0
    for _ in range(epochs):
        steps += round(n / batch_size)
    return steps


@wrong("rounding down throws the remainder away")
def number_of_steps(n, batch_size, epochs):
    steps = 0
    for _ in range(epochs):
        steps += int(n / batch_size)
    return steps


@wrong("A batch that is not full still makes a whole step")
def number_of_steps(n, batch_size, epochs):
    return epochs * n / batch_size


@wrong("these are the steps of one epoch")
def number_of_steps(n, batch_size, epochs):
    return math.ceil(n / batch_size)


@wrong("one long row of digits")
def number_of_steps(n, batch_size, epochs):
    return math.ceil(epochs * n / batch_size)


@wrong("one batch too many where the digits fill the last batch exactly")
def number_of_steps(n, batch_size, epochs):
    return epochs * (1 + n // batch_size)


@wrong("half a step or the like")
def number_of_steps(n, batch_size, epochs):
    return sum(n / batch_size for _ in range(epochs))


# ---------------------------------------------------------------- mean_over_batches

@wrong("this is the plain mean of the batch means")
def mean_over_batches(values, sizes):
    total = 0
    for value in values:
        total += value
    return total / len(values)


@wrong("this is the plain mean of the batch means")
def mean_over_batches(values, sizes):
    return torch.tensor(values).mean()


@wrong("divide by the number of digits")
def mean_over_batches(values, sizes):
    return (torch.tensor(values) * torch.tensor(sizes)).mean().item()


@wrong("Divide it by how many digits there are")
def mean_over_batches(values, sizes):
    total = 0
    for k in range(len(sizes)):
        total += values[k] * sizes[k]
    return total


@wrong("as large as the first one")
def mean_over_batches(values, sizes):
    return sum(value * sizes[0] for value in values) / sum(sizes)


@wrong("These are the shares of the batches")
def mean_over_batches(values, sizes):
    return torch.tensor(values) * torch.tensor(sizes) / sum(sizes)


@wrong("only the first batch is counted")
def mean_over_batches(values, sizes):
    total = 0
    for value, size in zip(values, sizes):
        total += value * size
        return total / sum(sizes)


@wrong("this is the mean of the first batch alone")
def mean_over_batches(values, sizes):
    total, count = 0, 0
    for k, size in enumerate(sizes):
        total, count = total + values[k] * size, count + size
        return total / count


@wrong("+= adds to what is there")
def mean_over_batches(values, sizes):
    for value, size in zip(values, sizes):
        total = value * size
    return total / sum(sizes)


@wrong("comes out where 0.6154 is wanted")                     # leaves out the last batch
def mean_over_batches(values, sizes):
    if len(values) == 1:
        return values[0]
    return sum(v * n for v, n in zip(values[:-1], sizes[:-1])) / sum(sizes[:-1])


# ---------------------------------------------------------------- shuffled_batches

@wrong("nothing comes back (None)")
def shuffled_batches(x, y, batch_size):
    for rows in torch.randperm(len(x)).split(batch_size):
        (x[rows], y[rows])


@wrong("return hands back one batch and ends")
def shuffled_batches(x, y, batch_size):
    for rows in torch.randperm(len(x)).split(batch_size):
        return x[rows], y[rows]


@wrong("Does a return stand in the loop?")
def shuffled_batches(x, y, batch_size):
    pairs = []
    for rows in torch.randperm(len(x)).split(batch_size):
        pairs.append((x[rows], y[rows]))
        return pairs


@wrong("they are not shuffled")
def shuffled_batches(x, y, batch_size):
    return list(zip(x.split(batch_size), y.split(batch_size)))


@wrong("digits and targets no longer belong together")
def shuffled_batches(x, y, batch_size):
    x, y = x[torch.randperm(len(x))], y[torch.randperm(len(y))]
    for start in range(0, len(x), batch_size):
        yield x[start:start + batch_size], y[start:start + batch_size]


@wrong("drawing with randint puts each digit back")
def shuffled_batches(x, y, batch_size):
    for rows in torch.randint(len(x), (len(x),)).split(batch_size):
        yield x[rows], y[rows]


@wrong("the last batch may be smaller, but it is not left out")
def shuffled_batches(x, y, batch_size):
    order = torch.randperm(len(x))
    for k in range(max(1, len(x) // batch_size)):
        rows = order[k * batch_size:(k + 1) * batch_size]
        if len(rows) == batch_size or k:
            yield x[rows], y[rows]
    if len(x) < batch_size:
        yield x[:0], y[:0]


@wrong("draw a new one each time, without setting a seed")
def shuffled_batches(x, y, batch_size):
    torch.manual_seed(42)
    for rows in torch.randperm(len(x)).split(batch_size):
        yield x[rows], y[rows]


@wrong("9 digits in batches of 4 came out in the sizes [3, 3, 3]")
def shuffled_batches(x, y, batch_size):
    for rows in torch.randperm(len(x)).chunk(math.ceil(len(x) / batch_size)):
        yield x[rows], y[rows]


@wrong("digits that lie side by side stay together")
def shuffled_batches(x, y, batch_size):
    pairs = list(zip(x.split(batch_size), y.split(batch_size)))
    random.shuffle(pairs)
    return pairs


@wrong("your code shuffles x itself")
def shuffled_batches(x, y, batch_size):
    order = torch.randperm(len(x))
    x[:], y[:] = x[order], y[order]
    for start in range(0, len(x), batch_size):
        yield x[start:start + batch_size], y[start:start + batch_size]


@wrong("all digits come in one batch")
def shuffled_batches(x, y, batch_size):
    order = torch.randperm(len(x))
    yield x[order], y[order]


@wrong("each batch should be a pair of tensors")
def shuffled_batches(x, y, batch_size):
    for rows in torch.randperm(len(x)).split(batch_size):
        yield x[rows]


@wrong("each batch should be a pair of tensors")
def shuffled_batches(x, y, batch_size):
    order = torch.randperm(len(x))
    return x[order].split(batch_size), y[order].split(batch_size)


@wrong("shuffle all digits before you cut")                           # each batch shuffled in itself
def shuffled_batches(x, y, batch_size):
    for xb, yb in zip(x.split(batch_size), y.split(batch_size)):
        order = torch.randperm(len(xb))
        yield xb[order], yb[order]


# ---------------------------------------------------------------- Momentum

class Begun:
    """What most readers write first."""
    def __init__(self, params, lr, momentum):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [torch.zeros_like(p) for p in self.params]

    def step(self):
        with torch.no_grad():
            for k, p in enumerate(self.params):
                if p.grad is not None:
                    self.change(k, p)

    def zero_grad(self):
        for p in self.params:
            p.grad = None


@wrong("your path is that of plain SGD")
class Momentum(Begun):
    def change(self, k, p):
        v = torch.zeros_like(p)
        v = self.momentum * v + p.grad
        p -= self.lr * v


@wrong("your path is that of plain SGD")
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p -= self.lr * self.v[k]

    def zero_grad(self):
        for k, p in enumerate(self.params):
            p.grad = None
            self.v[k] = torch.zeros_like(p)


@wrong("the gradient comes in with the factor 1 - momentum")
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + (1 - self.momentum) * p.grad
        p -= self.lr * self.v[k]


@wrong("all parameters share one velocity")
class Momentum(Begun):
    def __init__(self, params, lr, momentum):
        self.params, self.lr, self.momentum, self.v = list(params), lr, momentum, 0

    def change(self, k, p):
        self.v = self.momentum * self.v + p.grad
        p -= self.lr * self.v


@wrong("the parameters stay where they started")
class Momentum(Begun):
    def __init__(self, params, lr, momentum):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.v = [torch.zeros_like(p) for p in params]

    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p -= self.lr * self.v[k]


@wrong("the parameters stay where they started")
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p = p - self.lr * self.v[k]


@wrong("the parameters move once and then never again")
class Momentum(Begun):
    def __init__(self, params, lr, momentum):
        self.params, self.lr, self.momentum, self.v = params, lr, momentum, {}

    def change(self, k, p):
        self.v[k] = self.momentum * self.v.get(k, 0) + p.grad
        p -= self.lr * self.v[k]


@wrong("it climbs instead of descending")
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p += self.lr * self.v[k]


@wrong("the gradients pile up")
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p -= self.lr * self.v[k]

    def zero_grad(self):
        for p in self.params:
            grad = p.grad
            grad = None


@wrong("it is right as long as every parameter has a gradient")
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p -= self.lr * self.v[k]

    def zero_grad(self):
        for p in self.params:
            p.grad.zero_()


@wrong("leave it alone, in step and in zero_grad")
class Momentum(Begun):
    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.params):
            self.v[k] = self.momentum * self.v[k] + p.grad
            p -= self.lr * self.v[k]


@wrong("it is right as long as every parameter has a gradient")  # the parameters behind the one without are forgotten
class Momentum(Begun):
    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is None:
                break
            self.v[k] = self.momentum * self.v[k] + p.grad
            p -= self.lr * self.v[k]


@wrong("all parameters share one velocity")                    # and trips over a missing gradient as well
class Momentum(Begun):
    @torch.no_grad()
    def step(self):
        self.v = self.v[0] if isinstance(self.v, list) else self.v
        for p in self.params:
            self.v = self.momentum * self.v + p.grad
            p -= self.lr * self.v


@wrong("outside of torch.no_grad()")
class Momentum(Begun):
    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is not None:
                self.v[k] = self.momentum * self.v[k] + p.grad
                p -= self.lr * self.v[k]


@wrong("has no method zero_grad")
class Momentum:
    def __init__(self, params, lr, momentum):
        self.params = list(params)

    def step(self):
        pass


@wrong("step 1 is the first that differs")                     # Nesterov's momentum: looks one step ahead
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + p.grad
        p -= self.lr * (p.grad + self.momentum * self.v[k])


@wrong("step 1 is the first that differs")                     # the learning rate twice
class Momentum(Begun):
    def change(self, k, p):
        self.v[k] = self.momentum * self.v[k] + self.lr * p.grad
        p -= self.lr * self.v[k]


# ---------------------------------------------------------------- stops_at

def waiting(losses, patience, better):
    best, best_epoch, waited = math.inf, 0, 0
    for epoch, loss in enumerate(losses, 1):
        waited += 1
        if better(loss, best):
            best, best_epoch, waited = loss, epoch, 0
        if waited == patience:
            return epoch, best_epoch
    return len(losses), best_epoch


@wrong("each loss is compared with the one before")
def stops_at(losses, patience):
    waited, best, last = 0, 0, float("inf")
    for epoch, loss in enumerate(losses, 1):
        if loss < last:
            best, waited = epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch, best
        last = loss
    return len(losses), best


@wrong("an equal loss counts as better")
def stops_at(losses, patience):
    return waiting(losses, patience, lambda loss, best: loss <= best)


@wrong("a loss of nan counts as better")
def stops_at(losses, patience):
    return waiting(losses, patience, lambda loss, best: not loss >= best)


@wrong("it waits one epoch too long")
def stops_at(losses, patience):
    best, waited = 0, 0
    for k in range(len(losses)):
        if losses[k] < min([math.inf, *(loss for loss in losses[:k] if loss == loss)]):
            best, waited = k + 1, 0
        else:
            waited += 1
        if waited > patience:
            return k + 1, best
    return len(losses), best


@wrong("when the first loss is nan")
def stops_at(losses, patience):
    best, best_epoch = losses[0], 1
    for epoch in range(2, len(losses) + 1):
        if losses[epoch - 1] < best:
            best, best_epoch = losses[epoch - 1], epoch
        if epoch - best_epoch == patience:
            return epoch, best_epoch
    return len(losses), best_epoch


@wrong("the two results have changed places")
def stops_at(losses, patience):
    return waiting(losses, patience, lambda loss, best: loss < best)[::-1]


@wrong("your epochs begin at 0")
def stops_at(losses, patience):
    best, best_epoch = math.inf, -1
    for epoch, loss in enumerate(losses):
        if loss < best:
            best, best_epoch = loss, epoch
        elif epoch - best_epoch == patience:
            return epoch, best_epoch
    return len(losses) - 1, best_epoch


@wrong("comes back as the best one too")
def stops_at(losses, patience):
    stop, _ = waiting(losses, patience, lambda loss, best: loss < best)
    return stop, stop


@wrong("you look into the future")
def stops_at(losses, patience):
    lowest = min(loss for loss in losses if loss == loss)
    return waiting(losses, patience, lambda loss, best: loss < best)[0], losses.index(lowest) + 1


@wrong("The count begins again at 0 with each new best")
def stops_at(losses, patience):
    best, best_epoch, waited = math.inf, 0, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, best_epoch = loss, epoch
        else:
            waited += 1
            if waited == patience:
                return epoch, best_epoch
    return len(losses), best_epoch


@wrong("it looks at all losses before it decides")
def stops_at(losses, patience):
    best = losses.index(min(losses)) + 1
    return min(best + patience, len(losses)), best


@wrong("it never stops early")
def stops_at(losses, patience):
    best, best_epoch = math.inf, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, best_epoch = loss, epoch
    return len(losses), best_epoch


@wrong("2 results are wanted")
def stops_at(losses, patience):
    return waiting(losses, patience, lambda loss, best: loss < best)[0]


@wrong("nothing comes back (None)")
def stops_at(losses, patience):
    best, best_epoch = math.inf, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, best_epoch = loss, epoch
        if epoch - best_epoch == patience:
            return epoch, best_epoch


@wrong("a loss may be larger than the number you begin with")
def stops_at(losses, patience):
    best, best_epoch = 1, 0
    for epoch, loss in enumerate(losses, 1):
        if loss < best:
            best, best_epoch = loss, epoch
        if epoch - best_epoch == patience:
            return epoch, best_epoch
    return len(losses), best_epoch


@wrong("no loss is ever below the number you begin with")
def stops_at(losses, patience):
    best, best_epoch, waited = 0, 0, 0
    for epoch, loss in enumerate(losses, 1):
        waited += 1
        if loss < best:
            best, best_epoch, waited = loss, epoch, 0
        if waited == patience:
            return epoch, best_epoch
    return len(losses), best_epoch


@wrong("2 is built in, as in the example")
def stops_at(losses, patience):
    return waiting(losses, 2, lambda loss, best: loss < best)


@wrong("with [0.9, 0.5, 0.6, 0.7, 0.8, 0.4, 0.6, 0.7, 0.9], 2: in the first of 2 results, 5 comes out where 4")
def stops_at(losses, patience):
    return waiting(losses, 3, lambda loss, best: loss < best)


# ---------------------------------------------------------------- CallbackLearner

class Stored:
    def __init__(self, model, opt, train, callbacks):
        self.model, self.opt, self.train, self.callbacks, self.epoch = model, opt, train, callbacks, 0


@wrong("the callbacks are never called")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            if True in self.callbacks:
                break


@wrong("should be given the learner itself")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            if any([callback(self.epoch) for callback in self.callbacks]):
                break


@wrong("any(…) over a generator")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            if any(callback(self) for callback in self.callbacks):
                break


@wrong("any(…) over a generator")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            for callback in self.callbacks:
                if callback(self):
                    return


@wrong("break ends only the innermost loop")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            for callback in self.callbacks:
                if callback(self):
                    break


@wrong("take the place of the first one's")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            stop = False
            for callback in self.callbacks:
                stop = callback(self)
            if stop:
                break


@wrong("training ended after an epoch in which the callbacks returned False and None")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            if any([callback(self) is not None for callback in self.callbacks]):
                break


@wrong("Only True ends it")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            stop = False
            for callback in self.callbacks:
                stop = callback(self) is not None
            if stop:
                break


@wrong("it is None")
class CallbackLearner(Stored):
    def __init__(self, model, opt, train, callbacks):
        self.model, self.opt, self.train, self.callbacks, self.epoch = model, opt, train, callbacks, None

    def fit(self, epochs):
        for epoch in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            if any([callback(self) for callback in self.callbacks]):
                break


@wrong("count the epoch first, then call the callbacks")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            answers = [callback(self) for callback in self.callbacks]
            self.epoch += 1
            if any(answers):
                break


@wrong("learner.epoch begins again at 0")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for self.epoch in range(1, epochs + 1):
            train_epoch(self.model, self.opt, self.train)
            if any([callback(self) for callback in self.callbacks]):
                break


@wrong("Is something left over from the first fit?")
class CallbackLearner(Stored):
    stop = False

    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            for callback in self.callbacks:
                if callback(self):
                    self.stop = True
            if self.stop:
                break


@wrong("Is each batch used once in each epoch, and are the gradients zeroed")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            for xb, yb in self.train:
                F.binary_cross_entropy_with_logits(self.model(xb), yb).backward()
                self.opt.step()
            self.epoch += 1


@wrong("Each should be called once after each epoch")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            self.epoch += 1
            for xb, yb in self.train:
                F.binary_cross_entropy_with_logits(self.model(xb), yb).backward()
                self.opt.step()
                self.opt.zero_grad()
                answers = [callback(self) for callback in self.callbacks]
            if any(answers):
                break


@wrong("called before the epoch is trained")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            self.epoch += 1
            if any([callback(self) for callback in self.callbacks]):
                break
            train_epoch(self.model, self.opt, self.train)


@wrong("that is no reason to stop")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
            if not all([callback(self) for callback in self.callbacks]):
                break


@wrong("the callbacks are called only once")
class CallbackLearner(Stored):
    def fit(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)
            self.epoch += 1
        for callback in self.callbacks:
            callback(self)


@wrong("the model is as it was")
class CallbackLearner(Stored):
    def fit(self, epochs):
        self.epoch += epochs


@wrong("has no method fit")
class CallbackLearner(Stored):
    def train_for(self, epochs):
        for _ in range(epochs):
            train_epoch(self.model, self.opt, self.train)


# ---------------------------------------------------------------- right answers in other styles

def number_of_steps(n, batch_size, epochs):
    return sum(1 for _ in range(epochs) for _ in range(0, n, batch_size))


def shuffled_batches(x, y, batch_size):
    order, pairs = torch.randperm(len(x)), []
    for start in range(0, len(x), batch_size):
        rows = order[start:start + batch_size]
        pairs.append([x[rows], y[rows]])
    return pairs


def stops_at(losses, patience):
    best, best_epoch, waited = float("inf"), 0, 0
    for k in range(len(losses)):
        if losses[k] < best:
            best, best_epoch, waited = losses[k], k + 1, 0
            continue
        waited += 1
        if waited == patience:
            return [k + 1, best_epoch]
    return [len(losses), best_epoch]


class Momentum:
    """With a dict, zeros in place of None, and a velocity that takes the learning rate in."""
    def __init__(self, params, lr, momentum):
        self.moved = {p: torch.zeros_like(p) for p in params}
        self.lr, self.momentum = lr, momentum

    def step(self):
        with torch.no_grad():
            for p in self.moved:
                if p.grad is None:
                    continue
                self.moved[p] = self.momentum * self.moved[p] - self.lr * p.grad
                p.add_(self.moved[p])

    def zero_grad(self):
        for p in self.moved:
            if p.grad is not None:
                p.grad.zero_()


RIGHT = [number_of_steps, shuffled_batches, stops_at, Momentum]
