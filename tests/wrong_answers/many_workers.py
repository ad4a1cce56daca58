import torch

from tests.wrong_answers import wrong


# ---------------------------------------------------------------- whole_gradient

@wrong("this is the plain mean of the gradients")
def whole_gradient(gradients, counts):
    return sum(gradients) / len(gradients)


@wrong("this is the plain sum of the gradients")
def whole_gradient(gradients, counts):
    return torch.stack(gradients).sum(0)


@wrong("nothing divides by the number of all digits")
def whole_gradient(gradients, counts):
    return sum(n * g for n, g in zip(counts, gradients))


@wrong("divided by the number of workers")
def whole_gradient(gradients, counts):
    return torch.stack([n * g for n, g in zip(counts, gradients)]).mean(0)


@wrong("nan comes out where one worker has no digits")
def whole_gradient(gradients, counts):
    weights = torch.tensor(counts)[:, None] / sum(counts)
    return (torch.stack(gradients) * weights).sum(0)


@wrong("the largest share alone is used")
def whole_gradient(gradients, counts):
    return gradients[max(range(len(counts)), key=counts.__getitem__)]


# ---------------------------------------------------------------- share_of

@wrong("That is the remainder of the division")
def share_of(count, worker, workers):
    size = count // workers
    return list(range(worker * size, (worker + 1) * size))


@wrong("the shares have 168 and 166 rows")
def share_of(count, worker, workers):
    size = count // workers
    stop = count if worker == workers - 1 else (worker + 1) * size
    return list(range(worker * size, stop))


@wrong("some rows are dealt twice and others not at all")
def share_of(count, worker, workers):
    return list(range(count // workers))


@wrong("dealt more than once")
def share_of(count, worker, workers):
    return list(range(count))


@wrong("row 6 is dealt, and the last one is row 5")
def share_of(count, worker, workers):
    return list(range(worker + 1, count + 1, workers))


@wrong("dealt more than once")
def share_of(count, worker, workers):                    # what DistributedSampler does: it repeats
    size = -(-count // workers)
    return [k % count for k in range(worker, size * workers, workers)] if count else []


@wrong("row 500 is dealt, and the last one is row 499")
def share_of(count, worker, workers):
    size = -(-count // workers)
    return list(range(worker * size, worker * size + size))


@wrong("comes back where a list of rows is wanted")
def share_of(count, worker, workers):
    return count // workers


@wrong("nothing comes back (None)")
def share_of(count, worker, workers):
    list(range(worker, count, workers))


@wrong("something else than whole numbers")
def share_of(count, worker, workers):
    return [worker + workers * k / 1 for k in range(count // workers)]


# ---------------------------------------------------------------- average_gradients

@wrong("the gradients are as they were")
def average_gradients(models):
    for group in zip(*[model.parameters() for model in models]):
        mean = torch.stack([p.grad for p in group]).mean(0)


@wrong("every model has the sum of the gradients now")
def average_gradients(models):
    for group in zip(*[model.parameters() for model in models]):
        total = torch.stack([p.grad for p in group]).sum(0)
        for p in group:
            p.grad = total.clone()


@wrong("the parameters have changed")
@torch.no_grad()
def average_gradients(models):
    for group in zip(*[model.parameters() for model in models]):
        mean = torch.stack([*group]).mean(0)
        for p in group:
            p.copy_(mean)


@wrong("Work out the mean before you change any of the gradients")
def average_gradients(models):
    for group in zip(*[model.parameters() for model in models]):
        for p in group:
            p.grad = torch.stack([q.grad for q in group]).mean(0)


@wrong("1 of them got the mean")
def average_gradients(models):
    for group in zip(*[model.parameters() for model in models]):
        group[0].grad = torch.stack([p.grad for p in group]).mean(0)


@wrong("the first layer is right, and the last one is not")
def average_gradients(models):
    for group in zip(*[model[0].parameters() for model in models]):
        mean = torch.stack([p.grad for p in group]).mean(0)
        for p in group:
            p.grad = mean.clone()


@wrong("the gradients of the biases are not the means")
def average_gradients(models):
    for group in zip(*[[model[0].weight, model[2].weight] for model in models]):
        mean = torch.stack([p.grad for p in group]).mean(0)
        for p in group:
            p.grad = mean.clone()


@wrong("several models hold one and the same tensor")
def average_gradients(models):
    for group in zip(*[model.parameters() for model in models]):
        mean = torch.stack([p.grad for p in group]).mean(0)
        for p in group:
            p.grad = mean


@wrong("some gradients are gone")
def average_gradients(models):
    for model in models:
        model.zero_grad()


# ---------------------------------------------------------------- right answers in other styles

def whole_gradient(gradients, counts):
    total = torch.zeros_like(gradients[0])
    for k in range(len(counts)):
        if counts[k] > 0:
            total += gradients[k] * (counts[k] / sum(counts))
    return total


def share_of(count, worker, workers):
    return torch.arange(count).tensor_split(workers)[worker].tolist()


def average_gradients(models):
    with torch.no_grad():
        for name, _ in models[0].named_parameters():
            grads = [model.get_parameter(name).grad for model in models]
            mean = sum(grads) / len(models)
            for grad in grads:
                grad.copy_(mean)


RIGHT = [whole_gradient, share_of, average_gradients]
