"""The exercises of notebook 06, a ReLU net."""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course.exercises import a_kind, compared, need, pile, tried
from utils import load_digits


@compared(
    cases=lambda: [(torch.tensor([-2., 0., 3.]), .1), (torch.tensor([[-1., 4.], [.5, -.25]]), .2),
                   (torch.tensor([-5.]), 0.), (torch.tensor([2., -3.]), 1.), (torch.zeros(0), .1)],
    hints=["torch.where(condition, a, b) takes a where the condition holds, and b elsewhere.",
           "Or write the hinge as two halves: s.clamp(min=0) is the part above 0, and s.clamp(max=0) the part below."],
    mistakes={
        "this is the plain ReLU: negative numbers become 0. Here they are multiplied by the slope.":
            lambda s, slope: s.clamp(min=0),
        "negative numbers come out positive. Below 0 the graph goes on falling to the left, only less steeply.":
            lambda s, slope: torch.where(s > 0, s, -slope * s),
        "the slope is on the positive side. Positive numbers stay as they are.":
            lambda s, slope: torch.where(s > 0, slope * s, s),
        "everything is multiplied by the slope, so there is no bend left: that is a linear function.":
            lambda s, slope: slope * s,
        "the positive side is right, and the negative one has the slope itself as its value. Multiply s by it.":
            lambda s, slope: torch.where(s > 0, s, torch.as_tensor(slope)),
        "the graph stops falling at the height -slope. Multiply by the slope, instead of cutting off there.":
            lambda s, slope: s.clamp(min=-slope),
        "the positive side is too steep: you add slope times s everywhere. Add it below 0 only.":
            lambda s, slope: s.clamp(min=0) + slope * s,
    },
    right="Below 0 the slope is small, but it is not 0. So a gradient always comes back, and no unit can die.")
def leaky_relu(s, slope):
    return s.clamp(min=0) + slope * s.clamp(max=0)


@compared(
    cases=lambda: [([784, 30, 1],), ([2, 3, 1],), ([784, 1],), ([2, 3, 4, 1],), ([5],), ([1, 1],), ([28, 28, 28],)],
    hints=["Each layer lies between two neighbours of the list: 784 and 30, then 30 and 1.",
           "A layer from n inputs to m outputs has n · m weights, and one bias for each output. zip(sizes, sizes[1:]) "
           "gives the neighbours."],
    mistakes={
        "you count the weights and not the biases: each output of a layer has one.":
            lambda sizes: sum(n * m for n, m in zip(sizes, sizes[1:])),
        "you give the inputs biases too. A bias belongs to an output of a layer, and the pixels are no outputs.":
            lambda sizes: sum(n * m for n, m in zip(sizes, sizes[1:])) + sum(sizes),
        "you multiply all sizes. Each layer only connects two neighbours: multiply these, and add up over the layers.":
            lambda sizes: math.prod(sizes),
        "there is one bias for each layer in it, and it should be one for each output of the layer.":
            lambda sizes: sum(n * m + 1 for n, m in zip(sizes, sizes[1:])),
        "the biases are counted on the wrong side: a layer from n inputs to m outputs has m of them.":
            lambda sizes: sum(n * m + n for n, m in zip(sizes, sizes[1:])),
        "this is the number of units, not of parameters. Each layer has a weight for every pair of input and output.":
            lambda sizes: sum(sizes),
        "only the first layer is counted.": lambda sizes: sizes[0] * sizes[1] + sizes[1] if len(sizes) > 1 else 0,
    },
    right="The first layer has nearly all of them: it meets every pixel. Keep that in mind for a later exercise.")
def parameters_of(sizes):
    return sum((n + 1) * m for n, m in zip(sizes, sizes[1:]))


@compared(
    cases=lambda: [(torch.tensor([[0., 0., 0., 0., 2., 0., 1.], [0.] * 7, [0., 3., 0., 1., 0., 0., 2.]]),),
                   (torch.tensor([[0., 2., 0.], [0., 0., 1.]]),),
                   (pile(1, 6, 4)[0].mul(torch.tensor([1., 0., 1., 0.])),),
                   (torch.tensor([[0., .5, 0., 0.]]),), (torch.tensor([[0., -1., 1.], [0., 1., 0.]]),),
                   (torch.tensor([[-.2, 0., 0.], [-.1, 0., 3.], [-.3, 0., 0.]]),),
                   (torch.ones(5, 2),), (torch.zeros(3, 2),)],
    hints=["For which units is it 0 for every digit? The digits are axis 0, the units axis 1. Which axis has to "
           "disappear?",
           "(activations == 0).all(0) has one answer for each unit. How many of them are True?"],
    mistakes={
        "you count zeros. A 0 here and there is what a ReLU is for; a dead unit has 0 for every digit, so look at "
        "whole columns.":
            lambda a: (a == 0).sum(),
        "you count units that are 0 for some digit. Dead means for every digit: all, not any.":
            lambda a: (a == 0).any(0).sum(),
        "you count digits for which every unit is 0. The units are the columns: let axis 0 disappear.":
            lambda a: (a == 0).all(1).sum(),
        "this is how many units are alive.": lambda a: (a != 0).any(0).sum(),
        "this is the share of dead units, and the number is wanted.": lambda a: (a == 0).all(0).float().mean(),
        "units come out as dead whose activations add up to 0 although they are not 0 themselves. Behind a leaky ReLU "
        "activations may be negative: ask of each one whether it is 0.": lambda a: (a.sum(0) == 0).sum(),
        "units come out as dead that are never above 0. Behind a leaky ReLU activations may be negative, and such a "
        "unit still learns: ask whether they are 0.": lambda a: (a <= 0).all(0).sum(),
        "units count as dead whose mean is 0 or less. Behind a leaky ReLU activations may be negative: ask of each one "
        "whether it is 0.": lambda a: (a.mean(0) <= 0).sum(),
        "one answer for each unit comes out, True where it is dead. How many are True?": lambda a: (a == 0).all(0),
    },
    right="In the ReLU net of this notebook no unit was dead. Try it on a net that starts with std 1, or with a large "
          "learning rate.")
def dead_units(activations):
    return int(activations.shape[1] - activations.ne(0).any(0).sum())


@tried(
    hints=["Turn the labels into targets first: labels.unique() holds the two digits, and one of them gets the 1. The "
           "notebook's cells on Batches, new_net and train_epoch have all the rest.",
           "Define a function inside yours, after the training. It may use the model and the two digits, and it is "
           "what you return, without brackets behind its name.",
           "The inner function: flatten, predict under torch.no_grad(), take the column [:, 0], and torch.where(preds "
           "> 0, one, other) makes digits of the scores."],
    seconds=120,
    right="All seven steps, from an empty cell, for any two digits. That is what this course set out to do, and you "
          "have just done it. Try it on your hardest pair.")
def learn_two_digits(answer):
    def asked(says, images):
        got = says(images.clone())
        need(got is not None, "the function that you return gives nothing back (None): it needs a return of its own.")
        need(isinstance(got, Tensor), f"the function that you return gives {a_kind(got)}, and a tensor of labels is "
             f"wanted.")
        return got

    three_seven, nine_four = load_digits((3, 7), dataset="bundled"), load_digits((9, 4), dataset="bundled")
    says, kept = [], []
    for digits, (train_x, train_y, valid_x, valid_y) in [((3, 7), three_seven), ((9, 4), nine_four)]:
        a, b = digits
        of = f"of the {a}s and {b}s"
        images, labels = train_x.clone(), train_y.clone()
        learned = answer(images, labels)
        need(learned is not None, "nothing comes back (None): after the training, return a function.")
        need(callable(learned), f"{a_kind(learned)} comes back where a function is wanted. Define one inside yours, "
             "and return it without brackets behind its name.")
        if isinstance(learned, nn.Module):
            try:
                fits = learned(valid_x[:1]).shape == (1,)
            except Exception:
                fits = False
            need(fits, "the model itself comes back. It takes rows of pixels and gives scores: return a function that "
                 "takes images, asks the model, and gives labels.")
        need(torch.equal(images, train_x) and torch.equal(labels, train_y), "your code changes the images or labels "
             "that it is given. Work on a copy, made with .clone().")
        got = asked(learned, valid_x)
        n, found = len(valid_x), set(got.unique().tolist()[:500])
        need(not got.is_floating_point() or not got.isnan().any(), "the trained model says nan: the training diverged. "
             "Is the learning rate too large?")
        need(got.shape != (n, 1), f"the labels come out as a column of shape ({n}, 1), and ({n},) is wanted: take the "
             "column out with [:, 0].")
        need(got.shape == (n,), f"for {n} images your function gives {a_kind(got)}, and one label for each is wanted: "
             f"({n},).")
        need(got.dtype != torch.bool, "True and False come out where digits are wanted. torch.where makes digits of "
             "them.")
        need(not got.is_floating_point() or found <= {float(a), float(b), 0., 1.}, "scores come out where labels are "
             "wanted: a score above 0 means the digit that had the target 1.")
        need(not found <= {0, 1}, f"0 and 1 come out, the targets. Translate them back into the digits, here {a} and "
             f"{b}.")
        need(not (a == 9 and found <= {3, 7}), "trained on 9s and 4s, it still says 3 and 7. Which two digits there "
             "are should come from the labels: labels.unique() tells.")
        need(found <= {a, b}, f"trained on {a}s and {b}s, it says {max(found - {a, b}, default=0):g} to some of them.")
        need(not got.is_floating_point(), "the labels come out as floats, and whole numbers are wanted, as in the "
             "labels that you were given.")
        right = (got == valid_y).float().mean().item()
        most = got.mode().values.item()
        need((got == most).float().mean() < .9, f"it says {most} to all {of}, or nearly all. Either it was not "
             f"trained, or on one "
             "digit after the other: our digits come sorted, so shuffle them. Or the training diverged: nan > 0 is "
             "False.")
        need(right > .2, f"nearly all answers {of} are wrong, so it did learn, and the two digits have changed places. "
             "Which of them got the target 1?")
        need(right > .65, f"{of}, about as many are right as with a coin. Is the model trained, do images and targets "
             "belong together, and does each step go against the gradient?")
        need(a == 3 or right > .82, "for 3 and 7 it is good, but 9 and 4 are harder, and there it does what comparing "
             "with the mean digits would do. Train a model: it can do far better.")
        need(right >= (.96 if a == 3 else .9), f"{of}, fewer than {'.96' if a == 3 else '.90'} are right. It has "
             f"learned something, "
             "and could learn more. Are the digits shuffled, the gradients zeroed, and are there epochs enough?")
        for some in (valid_x[:1], valid_x[:0]):
            few = asked(learned, some)
            need(few.shape == (len(some),), f"given {('no image', 'a single image')[len(some)]}, of shape "
                 f"{tuple(some.shape)}, your function gives {a_kind(few)}, and {tuple(some[:, 0, 0].shape)} is wanted. "
                 f"Does a squeeze() take away an "
                 "axis too many?")
        says.append(learned)
        kept.append(got)
    need(torch.equal(asked(says[0], three_seven.valid_x), kept[0]), "after learning 9 and 4, the function for 3 and 7 "
         "answers otherwise than before: the two share a model. Make the model inside your function.")


def a_leaky_net() -> tuple:
    """Parameters of a small net, mini-batch, targets and slope, at random; some sums are negative."""
    n, k, h = (int(torch.randint(1, 6, ())) for _ in range(3))
    params = [torch.randn(h, k), torch.randn(h), torch.randn(1, h), torch.randn(1)]
    return params, torch.randn(n, k), (torch.rand(n, 1) > .5).float(), float(torch.rand(()))


def leaky_slopes(params, xb, yb, slope, back=None, times=1.):
    """The four gradients; back: the slope of the hinge below 0 on the way back, if another."""
    w1, b1, w2, b2 = params
    s1 = xb @ w1.T + b1
    a = torch.where(s1 > 0, s1, slope * s1)
    d_s2 = times * ((a @ w2.T + b2).sigmoid() - yb) / len(xb)
    d_s1 = (d_s2 @ w2) * torch.where(s1 > 0, 1., slope if back is None else back)
    return d_s1.T @ xb, d_s1.sum(0), d_s2.T @ a, d_s2.sum(0)


@compared(
    cases=lambda: [((torch.ones(1, 2), torch.zeros(1), torch.ones(1, 1), torch.zeros(1)), torch.tensor([[1., -3.]]),
                    torch.tensor([[1.]]), .5)],
    random=a_leaky_net,
    hints=["Start from the six lines of the lesson. Forward, only the activations change.",
           "On the way back, the lesson multiplied by (s1 > 0): 1 where the hinge rises, 0 where it is flat. What is it now?",
           "torch.where(s1 > 0, 1., slope) is the slope of the hinge. The results come in the order w1, b1, w2, b2."],
    mistakes={
        "on the way back the hinge is still flat below 0. There it slopes by `slope`, so that much comes back.":
            lambda params, xb, yb, slope: leaky_slopes(params, xb, yb, slope, back=0.),
        "the hinge leaks on the way back, and not on the way forward: the activations need `slope`, too.":
            lambda params, xb, yb, slope: leaky_slopes(params, xb, yb, 0., back=slope),
        "the gradients are sums over the digits, and the loss is a mean: divide by their number.":
            lambda params, xb, yb, slope: leaky_slopes(params, xb, yb, slope, times=float(len(xb)))},
    right="A unit behind this hinge cannot die: some gradient always comes back.")
def leaky_backward(params, xb, yb, slope):
    return leaky_slopes(params, xb, yb, slope)
