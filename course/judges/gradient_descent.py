"""The exercises of notebook 03, gradient descent."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course.exercises import compared, copied, need, rounded, tried


def two(losses):
    before, after = losses[-2:]
    return before, after


@compared(
    cases=lambda: [([9., 4., 3.9, 3.899], .01), ([9., 4., 3.9], .01), ([9., 4., 3.9, 3.905], .01), ([5., 5.], .01),
                   ([.04, .001], .01), ([9., 9.5, 12.], .01), ([90., 50., 49.9], .01),
                   ([3., 2.5], 1), ([5., 4.995], .01), ([9., 8.999, 4.], .01), ([4., 3.], 1.), ([3., 5., 4.999], .01),
                   ([4., 9., 3.999], .01), ([4.], .01), ([], .01), ([9., 4., 3.999], .01), ([9., 4., 3.], .01)],
    hints=["The last loss is losses[-1] and the one before it losses[-2]. By how much did the last step improve?",
           "An improvement is the loss before minus the loss after. It must be small, and it must not be negative.",
           "With one loss or none there are no two to compare. `and` looks at its right side only when the left one "
           "holds."],
    mistakes={
        "a loss that grows counts as arrived: its improvement is negative, and so it is small as well. It is a "
        "reason to look at the learning rate, not to stop content.":
            lambda losses, least: len(losses) > 1 and losses[-2] - losses[-1] < least,
        "a loss that grows a little counts as arrived: abs, or round, hides the sign of so small a change.":
            lambda losses, least: len(losses) > 1 and abs(losses[-2] - losses[-1]) < least,
        "you ask whether the loss is small. A loss that still falls quickly may be small already, and the loss of "
        "our ball never comes below .06 however long we wait. Ask by how much it has just changed.":
            lambda losses, least: len(losses) > 0 and losses[-1] < least,
        "the difference is taken the wrong way round: an improvement is the loss before minus the loss after.":
            lambda losses, least: len(losses) > 1 and 0 <= losses[-1] - losses[-2] < least,
        "the difference is taken the wrong way round: after minus before is negative whenever the loss falls.":
            lambda losses, least: len(losses) > 1 and losses[-1] - losses[-2] < least,
        "you compare with the first loss. All steps together may have helped a lot; only the last one says whether "
        "it pays to go on.": lambda losses, least: len(losses) > 1 and 0 <= losses[0] - losses[-1] < least,
        "a loss that stays exactly the same has stopped improving too: an improvement of 0 is less than `least`.":
            lambda losses, least: len(losses) > 1 and 0 < losses[-2] - losses[-1] < least,
        "an improvement of exactly `least` is not less than `least`: is there <= where < is meant?":
            lambda losses, least: len(losses) > 1 and 0 <= losses[-2] - losses[-1] <= least,
        "an earlier step that helped little counts here too. Only the last step says whether it pays to go on.":
            lambda losses, least: any(0 <= before - after < least for before, after in zip(losses, losses[1:])),
        "you compare the last loss with all earlier ones. Only the one just before it says what the last step did.":
            lambda losses, least: any(0 <= before - losses[-1] < least for before in losses[:-1]),
        "you compare with the smallest loss so far. That may be an old one; the last step began at losses[-2].":
            lambda losses, least: len(losses) > 1 and 0 <= min(losses[:-1]) - losses[-1] < least,
        "two losses are enough: there is one step between them, and it can be judged. It is time to stop when that one "
        "helped too little.": lambda losses, least: len(losses) > 2 and 0 <= losses[-2] - losses[-1] < least,
        "True and False have changed places: the answer is True when it is time to stop.":
            lambda losses, least: not (len(losses) > 1 and 0 <= losses[-2] - losses[-1] < least),
        "it never says True. Is there a return that always comes first, or a condition that cannot hold?":
            lambda losses, least: False,
        "it always says True, even where the loss falls fast or grows. Does every way through your code end in the "
        "same return?": lambda losses, least: True,
        "you ask whether the loss has fallen. It should have fallen, or stayed, but by less than `least`.":
            lambda losses, least: len(losses) > 1 and losses[-1] < losses[-2],
        "it says True as soon as there are two losses. Ask by how much the last one is smaller.":
            lambda losses, least: len(losses) > 1,
        "it is right for .01 only: `least` may be another number. Compare with `least`.":
            lambda losses, least: len(losses) > 1 and 0 <= losses[-2] - losses[-1] < .01,
        "you ask whether all steps so far have helped little, one by one or together. Only the last step says whether "
        "it pays to go on.":
            lambda losses, least: len(losses) > 1 and all(
                0 <= before - after < least for before, after in zip(losses, losses[1:])),
        "you ask whether all steps so far have helped little, and of no steps that is true. Only the last step counts, "
        "and there must be one.":
            lambda losses, least: all(0 <= before - after < least for before, after in zip(losses, losses[1:])),
        "rounding makes two losses equal that are not. `least` says how small an improvement has to be.":
            lambda losses, least: len(losses) > 1 and round(losses[-2], 2) == round(losses[-1], 2),
        "the improvement is divided by the loss, which makes a share of it. Here `least` is meant in units of the "
        "loss itself.":
            lambda losses, least: len(losses) > 1 and 0 <= (losses[-2] - losses[-1]) / losses[-2] < least,
        "one loss alone, or none, cannot say that the last step helped little: there was no step.":
            lambda losses, least: len(losses) < 2 or 0 <= losses[-2] - losses[-1] < least,
        "it ends with an error when there is only one loss, or none: losses[-2] is not there. Ask how many losses "
        "there are before you take the last two.": lambda losses, least: 0 <= losses[-2] - losses[-1] < least,
        "it ends with an error (ValueError) when there is only one loss, or none. If you unpack the last two, there "
        "must be two: ask how many losses there are.":
            lambda losses, least: (lambda a, b: 0 <= a - b < least)(*two(losses)),
    },
    right="It stops too soon where a loss rests for a while and then falls on; notebook 5 shows a more patient rule.")
def converged(losses, least):
    last_two = losses[-2:]
    return len(last_two) == 2 and last_two[1] <= last_two[0] < last_two[1] + least


@tried(
    hints=["Go through the list. A step is the line  params -= lr * params.grad  of the lesson, for each tensor.",
           "Three things surround it: torch.no_grad(), a question whether .grad is None, and clearing the gradient "
           "afterwards.",
           "p -= … changes the tensor that the model uses. p = p - … makes another tensor and gives it the name p."],
    seconds=30,
    right="This is what opt.step() and opt.zero_grad() of torch.optim.SGD do together.")
def sgd_step(answer):
    def after(grads, lr, values=([1., 2.], [[3.], [-4.]], 5.)):
        leaves = [torch.tensor(value, requires_grad=True) for value in values[:len(grads)]]
        for leaf, grad in zip(leaves, grads):
            leaf.grad = None if grad is None else torch.tensor(grad)
        before, slopes = copied(leaves), [None if leaf.grad is None else leaf.grad.clone() for leaf in leaves]
        answer(list(leaves), lr)
        return leaves, before, slopes

    def moved(leaf, old, slope, factor):
        return torch.allclose(leaf, old + factor * slope, atol=1e-6)

    (p,), (old,), (slope,) = after([[.5, -2.]], .1)
    need(p.shape == old.shape, f"a parameter of shape {tuple(old.shape)} has the shape {tuple(p.shape)} afterwards.")
    need(not torch.equal(p, old), "the tensors are what they were before. p = p - … makes a new tensor and leaves "
                                  "the old one, which the model uses, as it is; p -= … changes the tensor itself. (A "
                                  "gradient that is cleared before the step has the same effect.)")
    need(not moved(p, old, slope, .1), "the step goes uphill: the gradient points to where the loss rises, so "
                                       "subtract it.")
    need(not moved(p, old, slope, -1), "the learning rate is left out: the step is lr times the gradient.")
    need(moved(p, old, slope, -.1), f"with lr .1 and the gradient {rounded(slope)}, {rounded(old)} became "
                                    f"{rounded(p)}, where {rounded(old - .1 * slope)} is wanted.")
    need(p.grad is None or not p.grad.any(), "the gradient is still there after the step. The next backward() would "
                                             "add to it; clear it, with p.grad.zero_() or p.grad = None.")
    need(p.requires_grad and p.is_leaf, "after the step the parameter no longer collects gradients (requires_grad is "
                                        "False).")

    for grad in ([1., 0.], [1., -1.]):
        (p,), (old,), (slope,) = after([grad], .1)
        need(moved(p, old, slope, -.1), f"with the gradient {grad} a parameter does not make the right step. Ask only "
                                        "whether .grad is None; a number in it may well be 0.")
        need(p.grad is None or not p.grad.any(), f"the gradient {grad} is not cleared. Each has to be, whatever its "
                                                 "numbers are.")

    leaves, before, slopes = after([[1., 1.], [[2.], [2.]], 3.], .1)
    done = [moved(*triple, -.1) for triple in zip(leaves, before, slopes)]
    need(any(done[1:]), "only the first parameter has moved. Does a return stand inside the loop?")
    need(all(done), f"of {len(done)} parameters only {sum(done)} made the right step; their shapes are "
                    f"{[tuple(p.shape) for p in leaves]}.")
    need(all(p.grad is None or not p.grad.any() for p in leaves), "only some of the gradients are cleared: each "
                                                                  "parameter has its own.")

    for place in (0, 1, 2):
        grads = [[1., 1.], [[2.], [2.]], 3.]
        grads[place] = None
        leaves, before, slopes = after(grads, .1)
        need(torch.equal(leaves[place], before[place]), "a parameter whose .grad is None has moved: leave it as it is.")
        need(all(moved(leaf, old, slope, -.1) for leaf, old, slope in zip(leaves, before, slopes) if slope is not None),
             "a parameter without a gradient (None) should be skipped, and here it keeps others from making their "
             "step. continue goes on with the next one; break and return end the loop.")
        need(all(p.grad is None or not p.grad.any() for p in leaves), "where one .grad is None, other gradients are "
                                                                      "not cleared.")
    p = torch.tensor([4., 1.5], requires_grad=True)
    for _ in range(200):
        (p - 1).square().sum().backward()
        answer([p], .1)
    need(torch.allclose(p, torch.ones(2), atol=1e-3), "one step is right, but 200 of them on a simple bowl end at "
                                                      f"{rounded(p)} and not at its bottom, [1.0, 1.0].")


def wave(p):
    """A loss whose slope differs from number to number and is not the same on both sides."""
    return ((torch.arange(p.numel(), dtype=p.dtype).view(p.shape) + 1) * p ** 3).sum() + p.prod()


def far_bowl(p):
    return (p - 3).square().sum()


def bowl_at_0(p):
    return p.square().sum()


def sums_of_columns(p):
    """A loss of a matrix that needs its rows and columns."""
    return p.sum(0).square().sum()


def in_any_shape(answer, loss_of, params, size):
    """What nudged_slopes returns; an error that comes from counting on two axes is put in words."""
    try:
        return answer(loss_of, params, size)
    except (ValueError, IndexError) as error:
        of_axes = any(words in str(error) for words in ("unpack", "tuple index", "too many indices", "Dimension out"))
        need(not of_axes or params.ndim == 2, "it counts on rows and columns, and params may have any "
                                                             "number of axes: here its shape is "
                                                             f"{tuple(params.shape)}. Is there a way to go through "
                                                             "all numbers in one row?")
        raise


def row_slopes(loss_of, params, size):
    """The slopes that come out when whole rows are nudged, one for each."""
    nudges = [size * F.one_hot(torch.tensor(i), len(params)).view(-1, *[1] * (params.ndim - 1))
              for i in range(len(params))]
    return torch.stack([(loss_of(params + nudge) - loss_of(params - nudge)) / (2 * size) for nudge in nudges])


@compared(
    cases=lambda: [(wave, torch.tensor([.5, -1., 2.]).double(), .5), (far_bowl, torch.tensor([4., 1.5]).double(), .01),
                   (wave, torch.tensor([[1., 2., -1.], [.5, -.5, 1.5]]).double(), .1),
                   (far_bowl, torch.tensor([[1.], [5.]]).double(), .1),
                   (wave, torch.tensor(1.5).double(), .1), (wave, torch.tensor([[[2.]]]).double(), .1),
                   (sums_of_columns, torch.tensor([[1., 2., -1.], [.5, -.5, 1.5]]).double(), .1),
                   (bowl_at_0, torch.tensor([[1., 3.]]), .5)],
    hints=["nudge_gradient does it for vectors. In a matrix, nudge[i] is a whole row; you want one number at a time.",
           "params.view(-1) is all numbers in one row, whatever the shape, and len of it says how many. A view "
           "shares its numbers with the tensor: write into the view, and the tensor has changed.",
           "Start from slopes = torch.zeros_like(params), which has the right shape, and fill it. Or make a list, and "
           "give its numbers the shape of params at the end."],
    mistakes={
        "this is the change from params upwards, over one nudge. A curve bends, so look to both sides: up and down, "
        "divided by twice the nudge.":
            lambda loss_of, params, size: nudged(loss_of, params, size, down=0, over=1),
        "the difference between up and down lies two nudges apart: divide by twice the size.":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=1),
        "this is by how much the loss changes, not its slope: divide by how far you went.":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=1 / size),
        "/ 2 * size halves first and then multiplies. Put brackets round what you divide by: / (2 * size).":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=2 / size ** 2),
        "loss_of gets one long row here, and it may need rows and columns: hand it numbers in the shape of params.":
            lambda loss_of, params, size: nudged(loss_of, params.view(-1), size).view(params.shape),
        "every slope has the wrong sign: take the loss above minus the loss below.":
            lambda loss_of, params, size: nudged(loss_of, params, size, over=-2),
        "you go down by one nudge and never up. A curve bends, so look to both sides.":
            lambda loss_of, params, size: nudged(loss_of, params, size, up=0, over=1),
        "the nudges pile up: when the second number is nudged, the first one still is. Begin with fresh zeros for "
        "each.":
            lambda loss_of, params, size: nudged(loss_of, params, size, pile_up=True),
        "all numbers are nudged at once, so nobody can tell which of them changed the loss. Nudge one at a time.":
            lambda loss_of, params, size: torch.zeros_like(params) + (
                loss_of(params + size) - loss_of(params - size)) / (2 * size),
        "the slopes are right and stand in one long row: give the result the shape of params.":
            lambda loss_of, params, size: nudged(loss_of, params, size).view(-1),
        "this is the exact slope at params, as autograd gives it. Here we want what nudging by `size` measures, on "
        "either side; then the two can check each other.":
            lambda loss_of, params, size: torch.autograd.functional.jacobian(loss_of, params),
        "len(params) counts rows, and nudge[i] is a whole row: all numbers in it were nudged together. Go through "
        "the numbers one by one, for instance with .view(-1).":
            row_slopes,
        "only as many numbers as params has rows get a slope; the others stay 0. len(params) counts rows, and "
        ".numel() all numbers.":
            lambda loss_of, params, size: nudged(loss_of, params, size) * (
                torch.arange(params.numel()) < len(params)).view(params.shape),
        "len(params) counts rows, and nudge[i] is a whole row: its numbers were nudged together, and all got the same "
        "slope. Go through the numbers one by one, for instance with .view(-1).":
            lambda loss_of, params, size: row_slopes(loss_of, params, size).view(
                -1, *[1] * (params.ndim - 1)).expand(params.shape),
    },
    probe=in_any_shape,
    right="With it you can check any gradient there is, your own or autograd's, before you trust a training loop.")
def nudged_slopes(loss_of, params, size):
    return nudged(loss_of, params, size)


def nudged(loss_of, params, size, up=1, down=1, over=2, pile_up=False):
    """The slopes between up and down nudges of each number, over so many nudges; pile_up leaves each nudge in place."""
    nudges = torch.eye(params.numel(), dtype=params.dtype) * size
    nudges = [nudge.view(params.shape) for nudge in (nudges.cumsum(0) if pile_up else nudges)]
    slopes = [(loss_of(params + up * nudge) - loss_of(params - down * nudge)) / (over * size) for nudge in nudges]
    return torch.tensor(slopes, dtype=params.dtype).view(params.shape)


def awkward_columns():
    """Training and held-back rows: ordinary, one held-back row, columns that never vary, one training row."""
    rows = torch.tensor([[1., 40., 7.], [2., 10., 3.], [4., 30., 8.], [5., 20., 4.]])
    still = torch.cat([rows[:, :1], torch.full((4, 1), 3.), rows[:, 1:]], 1)
    small = torch.cat([rows[:, :2], torch.tensor([[.1], [.2], [.4], [.3]])], 1)
    return [(rows, torch.tensor([[3., 25., 9.], [7., 90., 1.]])),
            (small, torch.tensor([[3., 25., .9], [7., 90., .1]])), (rows[:3, :2], rows[3:, :2]),
            (still, still[1:3]), (still, still[:2] + 2), (rows[:1], rows[1:3]),
            *((torch.full((n, 1), number), torch.tensor([[number], [number + 1]]))
              for n, number in [(7, .1), (10, .3), (7, .7), (10, 3.7)]),
            (torch.tensor([[1.], [2.], [3.]]), torch.tensor([[4.]]))]


def two_tables(answer, train, valid):
    """What standardised returns; where a column never varies, any enormous numbers are as good as any others."""
    tables = answer(train, valid)
    if (type(tables) in (tuple, list) and all(isinstance(t, Tensor) and t.is_floating_point() for t in tables)
            and (train == train[0]).all(0).any() and any((t.isfinite() & (t.abs() > 1e4)).any() for t in tables)):
        return "enormous numbers"
    return tables


@compared(
    cases=awkward_columns, probe=two_tables,
    hints=["train.mean(0) has one mean for each column; broadcasting subtracts it from each row. The same with "
           "train.std(0).",
           "The held-back rows have to be measured with the same ruler: the mean and std of the training rows.",
           "A column never varies when all its rows equal the first: (train == train[0]).all(0). That also holds for a "
           "single row. And a mask may stand on the left of =."],
    mistakes={
        "the held-back rows get a mean and std of their own. A model that was trained on train's scale would read "
        "them wrongly: the same number must mean the same in both. Use train's mean and std for both.":
            lambda train, valid: (scaled(train, train), scaled(valid, valid)),
        "mean and std were taken over both together. Then the held-back rows have helped to prepare the training, "
        "and are no longer as new as they should be. Use train's alone.":
            lambda train, valid: tuple(scaled(x, torch.cat([train, valid])) for x in (train, valid)),
        "the held-back rows come out as they went in. Either nothing is done with them, or train was changed before "
        "they were measured, and its mean was 0 and its std 1 by then: keep mean and std first.":
            lambda train, valid: (scaled(train, train), valid),
        "one mean and one std came out for all columns together, but each column has units of its own. Name the axis "
        "that should disappear.": lambda train, valid: tuple((x - train.mean()) / train.std() for x in (train, valid)),
        "each row is standardised, not each column: mean(1) removes the columns. The rows should disappear, axis 0.":
            lambda train, valid: tuple((x - x.mean(1)[:, None]) / x.std(1)[:, None] for x in (train, valid)),
        "the result is divided by the std, but the mean is not subtracted.":
            lambda train, valid: (train / spread(train), valid / spread(train)),
        "the mean is subtracted, but the result is not divided by the std.":
            lambda train, valid: (train - train.mean(0), valid - train.mean(0)),
        "it is divided by the variance, which is the square of the std.":
            lambda train, valid: tuple((x - train.mean(0)) / spread(train) ** 2 for x in (train, valid)),
        "the columns now run from 0 to 1. That is another way to a common scale; here the mean should be 0 and the "
        "std 1.":
            lambda train, valid: tuple((x - train.amin(0)) / (train.amax(0) - train.amin(0)) for x in (train, valid)),
        "your std divides by n, and .std() divides by n - 1. Both are in use; here take .std().":
            lambda train, valid: tuple((x - train.mean(0)) / torch.where(
                train.amax(0) > train.amin(0), train.std(0, correction=0), 1.) for x in (train, valid)),
        "a column whose std is small, and not 0, is divided by 1 as well. Its own std belongs there: only columns that "
        "never vary are divided by 1.":
            lambda train, valid: tuple((x - train.mean(0)) / spread(train).clamp(min=1) for x in (train, valid)),
        "a single training row, and the rows held back with it, come back as they were. Here too the mean is "
        "subtracted; only the division is by 1.":
            lambda train, valid: (train, valid) if len(train) == 1 else (scaled(train, train), scaled(valid, train)),
        "a column that never varies has the std 0, and 0 divided by 0 is nan. Such a column is only shifted: divide "
        "it by 1.":
            lambda train, valid: tuple((x - train.mean(0)) / train.std(0) for x in (train, valid)),
        "the std of a single training row is nan, and everything that is divided by nan is nan. Divide by 1 there "
        "too; and mind that nan equals nothing, not even itself.": lambda train, valid: tuple(
            (x - train.mean(0)) / train.std(0).masked_fill(train.std(0) == 0, 1.) for x in (train, valid)),
        "enormous numbers come out where a column never varies: a tiny number stands in place of its std of 0, or "
        "nan_to_num in place of an infinite result. Held-back rows that are different there should only be shifted: "
        "divide by 1.": lambda train, valid: tuple(
            (x - train.mean(0)) / (train.std(0).nan_to_num(0) + 1e-8) for x in (train, valid)),
        "enormous numbers come out where a column never varies: by rounding, its std is tiny and not 0, as that of "
        "seven times .1 may be. Do not trust the std there; ask the rows themselves whether they are all equal.":
            lambda train, valid: tuple(
                (x - train.mean(0)) / (1e-8 if train.shape[1] == 1 < len(train) and (train == train[0]).all()
                                       else spread(train)) for x in (train, valid)),
        "where a column never varies you get 0, also for held-back rows that are different there. Only subtract its "
        "mean.":
            lambda train, valid: tuple(scaled(x, train) * (train.amax(0) > train.amin(0)) for x in (train, valid)),
    },
    right="On real data such columns exist: of a digit's 784 pixels, 229 are black in all our training 3s and 7s.")
def standardised(train, valid):
    return scaled(train, train), scaled(valid, train)


def scaled(x, like):
    """x with the mean and std of the columns of `like`."""
    return (x - like.mean(0)) / spread(like)


def spread(x):
    """The std of each column, 1 where that is 0 or unknown."""
    if len(x) < 2:
        return torch.ones(x.shape[1])
    return torch.where(x.amax(0) > x.amin(0), x.std(0), 1.)


def throws():
    """Films of throws: time in seconds, height in metres, learning rate, steps; one of a ball that hardly moves."""
    x = torch.linspace(0, 2, 21)
    films = [3 + 4 * x - 1.85 * x ** 2, 1 + 10 * x - 4.9 * x ** 2, 2 + 20 * x - 12.4 * x ** 2]
    films = [y + .1 * torch.sin(9 * x + k) for k, y in enumerate(films)]
    few = torch.tensor([0., 1., 2.])
    return [(x, films[0], .1, 0), (x, films[0], .1, 1), (x, films[0], .1, 2), (few, torch.tensor([1., 3., 1.]), .05, 3),
            (few, torch.tensor([1e-6, 3e-6, 1e-6]), .05, 6), (few, torch.tensor([1., 3., 1.]), .2, 2000),
            (x, films[1], .2, 2000), (x, films[2], .2, 2000)]


def a_throw(answer, x, y, lr, steps):
    """What fit_throw returns, as a list; numbers that are there before the first step are put in words.

    Where the ball hardly moves, every improvement of the loss is tiny: whoever stops for that stops too early.
    """
    try:
        got = answer(x, y, lr, steps)
    except UnboundLocalError:                                  # return speed, …, which only a first step makes
        if steps:
            raise
        return 0., 0., 0.
    need(type(got) not in (tuple, list) or not any(isinstance(v, Tensor) and v.ndim and v.numel() == 1 for v in got),
         "tensors with an axis of length 1 come back, of shape (1,). Numbers are wanted: .item() makes one of each.")
    got = got.tolist() if isinstance(got, Tensor) and got.ndim == 1 else got
    if steps == 0 and type(got) in (tuple, list):
        numbers = [v for v in got if isinstance(v, (int, float)) or isinstance(v, Tensor) and v.numel() == 1]
        need(not any(float(v) for v in numbers), f"with 0 steps {rounded(list(map(float, numbers)))} comes out, and "
                                                 "all three parameters should begin at 0. Is one of them random, "
                                                 "built in, or from a formula, or is the number of steps not that "
                                                 "which is asked for?")
    if y.abs().max() < 1e-5 and type(got) in (tuple, list) and len(got) == 3:
        single = (isinstance(v, (int, float)) or isinstance(v, Tensor) and v.numel() == 1 for v in got)
        numbers = torch.tensor([float(v) if one else 0. for v, one in zip(got, single)])
        there, *on_the_way = [torch.allclose(numbers, torch.tensor(fit_throw(x, y, lr, k)), rtol=1e-2, atol=1e-9)
                              for k in reversed(range(steps + 1))]
        return "too early" if any(on_the_way) and not there else got
    return got


@compared(
    cases=throws, seconds=60,
    probe=a_throw,
    hints=["The loop of descend in the lesson does it for two parameters. What changes is the model, and where the "
           "data come from.",
           "Three parameters start at 0. preds = speed * x + start - gravity / 2 * x ** 2, and the loss is the mean "
           "squared error.",
           "After each step: zero the gradient. After the last one: params.tolist() makes numbers of the parameters."],
    mistakes={
        "it steps uphill: the gradient is added, so the loss grows. Subtract it.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, size=1),
        "the gradients add up: the second step uses the first gradient too, and so on. Set the gradient to zero "
        "after each step.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, kept=1),
        "the steps are as many times too large as there are dots: the loss is the sum of the squared errors. Take "
        "their mean, or the right learning rate depends on the length of the film.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, size=-len(x)),
        "your third parameter is half of gravity: the model takes away gravity / 2 * x ** 2.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, half=1.),
        "the parameters have changed places: hand back speed, start, gravity, in this order.":
            lambda x, y, lr, steps: [fit_throw(x, y, lr, steps)[k] for k in (1, 0, 2)],
        "gravity comes out with the wrong sign: it is subtracted in the model, and a positive number.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, half=-.5),
        "the start stays 0: it has no part in the prediction, or no slope.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, start=0.),
        "gravity stays 0: it has no part in the prediction, or no slope.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, half=0.),
        "gravity stays 0: is 4.9 still in the model? On another world it is another number, so half of the third "
        "parameter takes its place.":
            lambda x, y, lr, steps: fit_throw(x, y + 4.9 * x ** 2, lr, steps, half=0.),
        "it stops before `steps` is used up, when the loss is small or a step helps little. The task wants all of the "
        "steps: leave out step 7's `break`.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, min(steps, 1) if y.abs().max() < 1e-5 else steps),
        "it stops after the first step. Does a return or a break stand inside the loop?":
            lambda x, y, lr, steps: fit_throw(x, y, lr, min(steps, 1)),
        "it takes one step too few. range(steps) has `steps` rounds.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, max(steps - 1, 0)),
        "the parameters are still 0 after a step: did it change a copy? params -= … changes them, in torch.no_grad().":
            lambda x, y, lr, steps: (0., 0., 0.),
        "the steps are half as long as they should be: is there a factor in the loss that is not in the mean squared "
        "error?":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, size=-.5),
        "the slopes are those of the root of the mean squared error. The lowest place is the same; the way there is "
        "another, and with a learning rate like ours it never comes to rest. Leave out the root.":
            lambda x, y, lr, steps: fit_throw(
                x, y, lr, steps, of=lambda errors: errors / (2 * errors.square().mean().sqrt())),
        "the slopes are those of the mean absolute error. It asks for another curve; take the squares of the errors.":
            lambda x, y, lr, steps: fit_throw(x, y, lr, steps, of=lambda errors: errors.sign() / 2),
    },
    right="Nobody told it how strong gravity is. Seven steps and a film were enough, on any world.")
def fit_throw(x, y, lr, steps, size=-1., kept=0., half=.5, start=1., of=lambda errors: errors):
    columns = torch.stack([x, start * torch.ones_like(x), -half * x ** 2], 1)
    params, slopes = torch.zeros(3), torch.zeros(3)
    for _ in range(steps):
        slopes = kept * slopes + 2 * columns.T @ of(columns @ params - y) / len(x)
        params = params + size * lr * slopes
    return tuple(params.tolist())


def a_film() -> tuple:
    """Parameters (3,), times (n,) and heights (n,), all at random; one dot is a film, too."""
    n = int(torch.randint(1, 9, ()))
    return 5 * torch.randn(3), 2 * torch.rand(n), 4 * torch.randn(n)


@compared(
    cases=lambda: [(torch.zeros(3), torch.tensor([1., 2.]), torch.tensor([1., 3.])),
                   (torch.tensor([4., 1., 9.8]), torch.tensor([.5]), torch.tensor([2.]))],
    random=a_film,
    hints=["Write the prediction first, then the error: prediction minus y. Each slope is a mean of 2 · error · something.",
           "That something is the slope of the height: x for the speed, 1 for the start. By what is gravity multiplied?",
           "Gravity enters the height with the factor -x² / 2. torch.stack makes one tensor of three slopes."],
    mistakes={
        "the slope of gravity has the wrong sign: more gravity means less height, so its factor is -x² / 2.":
            lambda params, x, y: slopes_of(params, x, y) * torch.tensor([1., 1., -1.]),
        "gravity is halved in the model, so its factor is -x² / 2, and not -x².":
            lambda params, x, y: slopes_of(params, x, y) * torch.tensor([1., 1., 2.]),
        "the 2 is missing: the slope of a square is twice what is squared.":
            lambda params, x, y: slopes_of(params, x, y) / 2,
        "the slopes are sums over the dots, and the loss is a mean of them.":
            lambda params, x, y: slopes_of(params, x, y) * len(x)},
    right="The fit below uses the same three numbers, found by autograd.")
def throw_gradient(params, x, y):
    return slopes_of(params, x, y)


def slopes_of(params: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The slopes (3,) of the mean squared error for speed, start and gravity."""
    columns = torch.stack([x, torch.ones_like(x), -x ** 2 / 2], 1)
    return 2 * columns.T @ (columns @ params - y) / len(x)
