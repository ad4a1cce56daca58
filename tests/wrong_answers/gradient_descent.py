import torch

from tests.wrong_answers import wrong


# ---------------------------------------------------------------- converged

@wrong("its improvement is negative, and so it is small as well")
def converged(losses, least):
    if len(losses) < 2:
        return False
    improvement = losses[-2] - losses[-1]
    if improvement < least:
        return True
    return False


@wrong("abs, or round, hides the sign")
def converged(losses, least):
    return len(losses) >= 2 and abs(losses[-1] - losses[-2]) < least


@wrong("you ask whether the loss is small")
def converged(losses, least):
    for loss in losses[-1:]:
        return loss < least
    return False


@wrong("it ends with an error when there is only one loss")
def converged(losses, least):
    return least > losses[-2] - losses[-1] >= 0


@wrong("If you unpack the last two")
def converged(losses, least):
    before, after = losses[-2:]
    return 0 <= before - after < least


@wrong("nothing comes back (None)")
def converged(losses, least):
    if len(losses) > 1 and 0 <= losses[-2] - losses[-1] < least:
        return True


@wrong("with [], 0.01: a list comes back")
def converged(losses, least):
    return losses and (len(losses) > 1 and 0 <= losses[-2] - losses[-1] < least)


@wrong("one by one or together")
def converged(losses, least):
    return bool(losses[1:]) and 0 <= max(losses) - min(losses) < least


@wrong("only the last one says")
def converged(losses, least):
    if len(losses) < 2:
        return False
    return losses[0] >= losses[-1] and losses[0] - losses[-1] < least


@wrong("which makes a share of it")
def converged(losses, least):
    return len(losses) > 1 and 0 <= (losses[-2] - losses[-1]) / losses[-2] < least


@wrong("is there <= where < is meant")
def converged(losses, least):
    if len(losses) < 2:
        return False
    improvement = losses[-2] - losses[-1]
    return improvement >= 0 and improvement <= least


@wrong("an earlier step that helped little counts")
def converged(losses, least):
    for i in range(1, len(losses)):
        if 0 <= losses[i - 1] - losses[i] < least:
            return True
    return False


@wrong("you compare the last loss with all earlier ones")
def converged(losses, least):
    return any(0 <= loss - losses[-1] < least for loss in losses[:-1])


@wrong("the smallest loss so far")
def converged(losses, least):
    if len(losses) < 2:
        return False
    return 0 <= min(losses[:-1]) - losses[-1] < least


@wrong("two losses are enough")
def converged(losses, least):
    if len(losses) > 2 and losses[-1] <= losses[-2]:
        return losses[-2] - losses[-1] < least
    return False


@wrong("a loss that stays exactly the same")
def converged(losses, least):
    return len(losses) > 1 and losses[-2] > losses[-1] > losses[-2] - least


@wrong("abs, or round, hides the sign")
def converged(losses, least):
    return len(losses) > 1 and 0 <= round(losses[-2] - losses[-1], 2) < least


@wrong("it never says True")
def converged(losses, least):
    if len(losses) < 2 or losses[-1] <= losses[-2]:
        return False
    return losses[-1] - losses[-2] < 0


@wrong("it always says True")
def converged(losses, least):
    for before, after in zip(losses, losses[1:]):
        if before - after < least:
            return True
    return True


@wrong("you ask whether the loss has fallen")
def converged(losses, least):
    if len(losses) < 2:
        return False
    return losses[-2] - losses[-1] > 0


@wrong("as soon as there are two losses")
def converged(losses, least):
    return bool(losses[1:])


@wrong("Compare with `least`")
def converged(losses, least):
    if len(losses) < 2:
        return False
    return losses[-1] <= losses[-2] < losses[-1] + .01


@wrong("whether all steps so far have helped little, one by one")
def converged(losses, least):
    if len(losses) < 2:
        return False
    for i in range(len(losses) - 1):
        if not 0 <= losses[i] - losses[i + 1] < least:
            return False
    return True


@wrong("and of no steps that is true")
def converged(losses, least):
    for before, after in zip(losses, losses[1:]):
        if after > before or before - after >= least:
            return False
    return True


@wrong("rounding makes two losses equal")
def converged(losses, least):
    return len(losses) >= 2 and round(losses[-1], 2) == round(losses[-2], 2)


# ---------------------------------------------------------------- nudged_slopes

@wrong("nudge[i] is a whole row")
def nudged_slopes(loss_of, params, size):
    slopes = []
    for i in range(len(params)):
        nudge = torch.zeros_like(params)
        nudge[i] = size
        slopes.append((loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size))
    return torch.stack(slopes)


@wrong("look to both sides")
def nudged_slopes(loss_of, params, size):
    slopes, base = torch.zeros_like(params).flatten(), loss_of(params)
    for i in range(len(slopes)):
        moved = params.flatten().clone()
        moved[i] += size
        slopes[i] = (loss_of(moved.view(params.shape)) - base) / size
    return slopes.view(params.shape)


@wrong("divide by twice the size")
def nudged_slopes(loss_of, params, size):
    result = torch.zeros(params.shape)
    for i in range(params.numel()):
        nudge = torch.zeros(params.numel())
        nudge[i] = size
        nudge = nudge.reshape(params.shape)
        result.view(-1)[i] = (loss_of(params + nudge) - loss_of(params - nudge)) / size
    return result


@wrong("the nudges pile up")
def nudged_slopes(loss_of, params, size):
    slopes, nudge = torch.zeros_like(params), torch.zeros_like(params)
    for i in range(params.numel()):
        nudge.view(-1)[i] = size
        slopes.view(-1)[i] = (loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size)
    return slopes


@wrong("in one long row")
def nudged_slopes(loss_of, params, size):
    slopes = []
    for i in range(params.numel()):
        nudge = torch.zeros_like(params)
        nudge.view(-1)[i] = size
        slopes.append((loss_of(params + nudge) - loss_of(params - nudge)).item() / (2 * size))
    return torch.tensor(slopes)


@wrong("your code changes the tensor that it is given")
def nudged_slopes(loss_of, params, size):
    slopes, row = torch.zeros_like(params), params.view(-1)
    for i in range(len(row)):
        row[i] += size
        up = loss_of(params)
        row[i] -= 2 * size
        slopes.view(-1)[i] = (up - loss_of(params)) / (2 * size)
    return slopes


@wrong("all numbers are nudged at once")
def nudged_slopes(loss_of, params, size):
    up, down = loss_of(params + size), loss_of(params - size)
    return torch.full_like(params, ((up - down) / (2 * size)).item())


@wrong("the exact slope at params")
def nudged_slopes(loss_of, params, size):
    params = params.clone().requires_grad_()
    loss_of(params).backward()
    return params.grad


@wrong("it counts on rows and columns")
def nudged_slopes(loss_of, params, size):
    slopes = torch.zeros_like(params)
    rows, columns = params.shape
    for i in range(rows):
        for j in range(columns):
            nudge = torch.zeros_like(params)
            nudge[i, j] = size
            slopes[i, j] = (loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size)
    return slopes


@wrong("only as many numbers as params has rows")
def nudged_slopes(loss_of, params, size):
    slopes = torch.zeros_like(params)
    for i in range(len(params)):
        nudge = torch.zeros_like(params)
        nudge.view(-1)[i] = size
        slopes.view(-1)[i] = (loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size)
    return slopes


@wrong("all got the same slope")
def nudged_slopes(loss_of, params, size):
    slopes = torch.zeros_like(params)
    for i in range(len(params)):
        nudge = torch.zeros_like(params)
        nudge[i] = size
        slopes[i] = (loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size)
    return slopes


@wrong("it counts on rows and columns")
def nudged_slopes(loss_of, params, size):
    slopes = torch.zeros_like(params)
    for i in range(params.shape[0]):
        for j in range(params.shape[1]):
            nudge = torch.zeros_like(params)
            nudge[i, j] = size
            slopes[i, j] = (loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size)
    return slopes


@wrong("loss_of gets one long row here")
def nudged_slopes(loss_of, params, size):
    row, slopes = params.flatten(), []
    for i in range(len(row)):
        nudge = torch.zeros_like(row)
        nudge[i] = size
        slopes.append((loss_of(row + nudge) - loss_of(row - nudge)) / (2 * size))
    return torch.stack(slopes).view(params.shape)


@wrong("Put brackets round what you divide by")
def nudged_slopes(loss_of, params, size):
    slopes = torch.zeros_like(params)
    for i in range(params.numel()):
        nudge = torch.zeros_like(params)
        nudge.view(-1)[i] = size
        slopes.view(-1)[i] = (loss_of(params + nudge) - loss_of(params - nudge)) / 2 * size
    return slopes


# ---------------------------------------------------------------- sgd_step

@wrong("p = p - … makes a new tensor")
def sgd_step(params, lr):
    for p in params:
        if p.grad is not None:
            p = p - lr * p.grad


@wrong("p = p - … makes a new tensor")
def sgd_step(params, lr):
    for i in range(len(params)):
        if params[i].grad is not None:
            params[i] = (params[i] - lr * params[i].grad).detach().requires_grad_()


@wrong("outside of torch.no_grad()")
def sgd_step(params, lr):
    for p in params:
        if p.grad is not None:
            p -= lr * p.grad
            p.grad.zero_()


@wrong("the gradient is still there after the step")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p.sub_(lr * p.grad)


@wrong("uphill")
def sgd_step(params, lr):
    for p in params:
        if p.grad is not None:
            p.data = p.data + lr * p.grad
            p.grad = None


@wrong("only the first parameter has moved")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
            p.grad = None
            return p


@wrong("break and return end the loop")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is None:
                return
            p -= lr * p.grad
            p.grad.zero_()


@wrong("A .grad is None before the first backward()")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
            p.grad.zero_()


@wrong("A gradient that is cleared before the step")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p.grad.zero_()
                p -= lr * p.grad


@wrong("no longer collects gradients")
def sgd_step(params, lr):
    for p in params:
        if p.grad is not None:
            p.requires_grad_(False)
            p -= lr * p.grad
            p.grad = None


@wrong("only some of the gradients are cleared")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p -= lr * p.grad
    p.grad = None


@wrong("a number in it may well be 0")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is not None and p.grad.all():
                p -= lr * p.grad
                p.grad.zero_()


@wrong("a number in it may well be 0")
def sgd_step(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is not None and p.grad.sum() != 0:
                p -= lr * p.grad
                p.grad.zero_()


# ---------------------------------------------------------------- standardised

@wrong("the held-back rows get a mean and std of their own")
def standardised(train, valid):
    result = []
    for x in (train, valid):
        std = x.std(0)
        std[~(std > 0)] = 1
        result.append((x - x.mean(0)) / std)
    return result


@wrong("one mean and one std came out for all columns together")
def standardised(train, valid):
    mean, std = train.mean().item(), train.std().item()
    return (train - mean) / std, (valid - mean) / std


@wrong("has the std 0, and 0 divided by 0")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    return (train - mean) / std, (valid - mean) / std


@wrong("the std of a single training row")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    std[std == 0] = 1
    return (train - mean) / std, (valid - mean) / std


@wrong("the mean is not subtracted")
def standardised(train, valid):
    std = train.std(dim=0)
    return train / std, valid / std


@wrong("your std divides by n")
def standardised(train, valid):
    mean = train.mean(0)
    std = ((train - mean) ** 2).mean(0).sqrt()
    std[std == 0] = 1
    return (train - mean) / std, (valid - mean) / std


@wrong("the columns now run from 0 to 1")
def standardised(train, valid):
    low, high = train.min(0).values, train.max(0).values
    return (train - low) / (high - low), (valid - low) / (high - low)


@wrong("2 results are wanted")
def standardised(train, valid):
    std = train.std(0)
    std[~(std > 0)] = 1
    return (train - train.mean(0)) / std


@wrong("a tiny number stands in place of its std")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0, correction=1 if len(train) > 1 else 0)
    return (train - mean) / (std + 1e-8), (valid - mean) / (std + 1e-8)


@wrong("your code changes the tensor that it is given")
def standardised(train, valid):
    train -= train.mean(0)
    train /= train.std(0)
    valid -= train.mean(0)
    valid /= train.std(0)
    return train, valid


@wrong("by rounding, its std is tiny and not 0")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    std[~(std > 0)] = 1
    return (train - mean) / std, (valid - mean) / std


@wrong("a tiny number stands in place of its std")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0).nan_to_num(0).clamp(min=1e-6)
    return (train - mean) / std, (valid - mean) / std


@wrong("keep mean and std first")
def standardised(train, valid):
    train = (train - train.mean(0)) / train.std(0)
    valid = (valid - train.mean(0)) / train.std(0)
    return train, valid


@wrong("keep mean and std first")
def standardised(train, valid):
    std = train.std(0)
    std[(train == train[0]).all(0)] = 1
    return (train - train.mean(0)) / std, valid


@wrong("whose std is small, and not 0")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0).nan_to_num(1).clamp(min=1)
    return (train - mean) / std, (valid - mean) / std


@wrong("come back as they were")
def standardised(train, valid):
    if len(train) == 1:
        return train, valid
    mean, std = train.mean(0), train.std(0)
    std[(train == train[0]).all(0)] = 1
    return (train - mean) / std, (valid - mean) / std


@wrong("nan_to_num in place of an infinite result")
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    return ((train - mean) / std).nan_to_num(0), ((valid - mean) / std).nan_to_num(0)


# ---------------------------------------------------------------- fit_throw

def train_throw(x, y, lr, steps, loss_of, zero=True, sign=-1, model=lambda p, x: p[0] * x + p[1] - p[2] / 2 * x ** 2):
    params = torch.zeros(3, requires_grad=True)
    for _ in range(steps):
        loss_of(model(params, x), y).backward()
        with torch.no_grad():
            params += sign * lr * params.grad
        if zero:
            params.grad = None
    return params.detach()


def mse(preds, y):
    return (preds - y).square().mean()


@wrong("the gradients add up")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, mse, zero=False).tolist()


@wrong("the loss is the sum of the squared errors")
def fit_throw(x, y, lr, steps):
    return tuple(train_throw(x, y, lr, steps, lambda preds, y: ((preds - y) ** 2).sum()))


@wrong("it steps uphill")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, mse, sign=1)


@wrong("your third parameter is half of gravity")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, mse, model=lambda p, x: p[0] * x + p[1] - p[2] * x ** 2)


@wrong("hand back speed, start, gravity")
def fit_throw(x, y, lr, steps):
    speed, start, gravity = train_throw(x, y, lr, steps, mse)
    return start, speed, gravity


@wrong("gravity comes out with the wrong sign")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, mse, model=lambda p, x: p[0] * x + p[1] + p[2] / 2 * x ** 2)


@wrong("is there a factor in the loss")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, lambda preds, y: mse(preds, y) / 2)


@wrong("those of the mean absolute error")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, lambda preds, y: (preds - y).abs().mean())


@wrong("those of the root of the mean squared error")
def fit_throw(x, y, lr, steps):
    return train_throw(x, y, lr, steps, lambda preds, y: mse(preds, y).sqrt())


@wrong("all three parameters should begin at 0")
def fit_throw(x, y, lr, steps):
    params = torch.randn(3, requires_grad=True)
    for _ in range(steps):
        mse(params[0] * x + params[1] - params[2] / 2 * x ** 2, y).backward()
        with torch.no_grad():
            params -= lr * params.grad
        params.grad.zero_()
    return params.tolist()


@wrong("all three parameters should begin at 0")
def fit_throw(x, y, lr, steps):
    columns = torch.stack([x, torch.ones_like(x), -x ** 2 / 2], 1)
    return torch.linalg.lstsq(columns, y[:, None]).solution[:, 0].tolist()


@wrong("all three parameters should begin at 0")
def fit_throw(x, y, lr, steps):
    got = train_throw(x, y, lr, steps, mse, model=lambda p, x: p[0] * x + p[1] - 4.9 * x ** 2 + 0 * p[2])
    return got[0], got[1], 9.8


@wrong("stops after the first step")
def fit_throw(x, y, lr, steps):
    params = torch.zeros(3, requires_grad=True)
    for _ in range(steps):
        mse(params[0] * x + params[1] - params[2] / 2 * x ** 2, y).backward()
        with torch.no_grad():
            params -= lr * params.grad
        params.grad.zero_()
        return tuple(params.tolist())
    return 0., 0., 0.


@wrong(".item() makes one of each")
def fit_throw(x, y, lr, steps):
    speed, start, gravity = [torch.zeros(1, requires_grad=True) for _ in range(3)]
    for _ in range(steps):
        mse(speed * x + start - gravity / 2 * x ** 2, y).backward()
        with torch.no_grad():
            for p in (speed, start, gravity):
                p -= lr * p.grad
                p.grad.zero_()
    return speed, start, gravity


@wrong("did it change a copy")
def fit_throw(x, y, lr, steps):
    params = torch.zeros(3, requires_grad=True)
    for _ in range(steps):
        mse(params[0] * x + params[1] - params[2] / 2 * x ** 2, y).backward()
        new = params - lr * params.grad
        params.grad.zero_()
    return params.tolist()


@wrong("outside of torch.no_grad()")
def fit_throw(x, y, lr, steps):
    params = torch.zeros(3, requires_grad=True)
    for _ in range(steps):
        mse(params[0] * x + params[1] - params[2] / 2 * x ** 2, y).backward()
        params -= lr * params.grad
        params.grad.zero_()
    return params


def stopped_throw(x, y, lr, steps, stop):
    params, losses = torch.zeros(3, requires_grad=True), []
    for step in range(steps):
        loss = mse(params[0] * x + params[1] - params[2] / 2 * x ** 2, y)
        loss.backward()
        losses.append(loss.item())
        if stop(losses):
            break
        with torch.no_grad():
            params -= lr * params.grad
        params.grad.zero_()
    return tuple(params.tolist())


@wrong("leave out step 7's `break`")
def fit_throw(x, y, lr, steps):
    return stopped_throw(x, y, lr, steps, lambda losses: len(losses) > 1 and 0 <= losses[-2] - losses[-1] < 1e-6)


@wrong("leave out step 7's `break`")
def fit_throw(x, y, lr, steps):
    return stopped_throw(x, y, lr, steps, lambda losses: len(losses) > 1 and 0 <= losses[-2] - losses[-1] < 1e-4)


@wrong("leave out step 7's `break`")
def fit_throw(x, y, lr, steps):
    return stopped_throw(x, y, lr, steps, lambda losses: len(losses) > 1 and 0 <= losses[-2] - losses[-1] < 1e-8)


@wrong("leave out step 7's `break`")
def fit_throw(x, y, lr, steps):
    return stopped_throw(x, y, lr, steps, lambda losses: losses[-1] < 1e-3)


@wrong("is 4.9 still in the model")
def fit_throw(x, y, lr, steps):
    params = torch.zeros(3, requires_grad=True)
    for _ in range(steps):
        speed, start, gravity = params
        mse(speed * x + start - 4.9 * x ** 2, y).backward()
        with torch.no_grad():
            params -= lr * params.grad
        params.grad.zero_()
    return tuple(params.tolist())


# ---------------------------------------------------------------- right answers, in other styles than the solution

RIGHT = []


def right(answer):
    RIGHT.append(answer)
    return answer


@right
def converged(losses, least):
    if len(losses) < 2:
        return False
    before, after = losses[-2:]
    return after <= before and before - after < least


@right
def nudged_slopes(loss_of, params, size):
    slopes = []
    for i in range(params.numel()):
        nudge = torch.zeros_like(params)
        nudge.view(-1)[i] = size
        slopes.append((loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size))
    return torch.stack(slopes).view(params.shape)


@right
def sgd_step(params, lr):
    for p in params:
        if p.grad is None:
            continue
        with torch.no_grad():
            p.copy_(p - lr * p.grad)
        p.grad = None


@right
def sgd_step(params, lr):
    optimiser = torch.optim.SGD(params, lr=lr)
    optimiser.step()
    optimiser.zero_grad()


@right
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    std[train.amax(0) == train.amin(0)] = 1
    return [(rows - mean) / std for rows in (train, valid)]


@right
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    for k in range(train.shape[1]):
        if len(train[:, k].unique()) == 1:
            std[k] = 1
    return torch.stack([(row - mean) / std for row in train]), torch.stack([(row - mean) / std for row in valid])


@right
def standardised(train, valid):
    mean, std = train.mean(0), train.std(0)
    std[~(std > 1e-6)] = 1
    return (train - mean) / std, (valid - mean) / std


@right
def fit_throw(x, y, lr, steps):
    params = torch.zeros(3, requires_grad=True)
    for _ in range(steps):
        speed, start, gravity = params
        mse(speed * x + start - gravity / 2 * x ** 2, y).backward()
        with torch.no_grad():
            params -= lr * params.grad
        params.grad = None
    return speed.item(), start.item(), gravity.item()


@right
def fit_throw(x, y, lr, steps):
    speed, start, gravity = [torch.zeros(1, requires_grad=True) for _ in range(3)]
    for _ in range(steps):
        mse(speed * x + start - gravity / 2 * x ** 2, y).backward()
        with torch.no_grad():
            for p in (speed, start, gravity):
                p -= lr * p.grad
                p.grad.zero_()
    return speed.item(), start.item(), gravity.item()
