"""The exercises of notebook 09, where it fails."""
from __future__ import annotations

import torch
import torch.nn.functional as F

from course.exercises import compared, pile


# ---------------------------------------------------------------- breaking_point

def crossing(strengths, shares, bar, between=lambda s, t, a, b, bar: s + (t - s) * (a - bar) / (a - b)):
    """The first strength at which a broken line through the shares is below the bar; between: where on a piece."""
    if shares[0] < bar:
        return strengths[0]
    for s, t, a, b in zip(strengths, strengths[1:], shares, shares[1:]):
        if b < bar:
            return between(s, t, a, b, bar)
    return None


def last_crossing(strengths, shares, bar):
    """The mistake of who comes from the right: where the line is below the bar for good."""
    above = [k for k, share in enumerate(shares) if share >= bar]
    if not above:
        return strengths[0]
    return crossing(strengths[above[-1]:], shares[above[-1]:], bar)


@compared(
    cases=lambda: [([0., 2., 4.], [1., .9, .5], .7), ([0, 1, 2, 3, 4, 6], [.98, .97, .93, .82, .61, .44], .75),
                   ([0., .1, .2, .3], [.99, .95, .8, .52], .95), ([0., 1., 2., 3.], [.9, .6, .9, .5], .8),
                   ([0., .5, 1.], [.8, .7, .6], .8), ([0., 1., 2.], [.7, .6, .5], .75), ([0., 1., 2.], [.99, .98, .97], .9),
                   ([0., 1., 2.], [.9, .85, .8], .8), ([0.], [.9], .8), ([2.], [.5], .8)],
    hints=["Go through the pieces of the line, from left to right: zip(strengths, strengths[1:], shares, shares[1:]) gives "
           "both ends of each. The first piece that ends below the bar is the one.",
           "On this piece the accuracy falls by a - b, and down to the bar by a - bar. What share of the way is that?",
           "Two cases are left: the first of the shares may be below the bar already, or none of them is."],
    mistakes={
        "this is the first strength at which the accuracy was *measured* below the bar. The line crosses the bar before "
        "it: how far along the last piece?".replace("*", ""):
            lambda s, a, bar: crossing(s, a, bar, lambda s, t, a, b, bar: t),
        "this is the last strength at which the model still is at or above the bar. The line goes on to fall from there: "
        "how far along the next piece does it cross the bar?":
            lambda s, a, bar: crossing(s, a, bar, lambda s, t, a, b, bar: s),
        "this is the middle between two strengths, wherever the bar lies. A bar near to the left end is crossed early.":
            lambda s, a, bar: crossing(s, a, bar, lambda s, t, a, b, bar: (s + t) / 2),
        "you go the share of the way that is left below the bar, (bar - b) / (a - b), from the left end. From there it "
        "is the share above it.":
            lambda s, a, bar: crossing(s, a, bar, lambda s, t, a, b, bar: s + (t - s) * (bar - b) / (a - b)),
        "the share of the way is right, but it is not multiplied by the length of the piece, t - s.":
            lambda s, a, bar: crossing(s, a, bar, lambda s, t, a, b, bar: s + (a - bar) / (a - b)),
        "the length is right, but it is counted from 0 and not from the left end of the piece.":
            lambda s, a, bar: crossing(s, a, bar, lambda s, t, a, b, bar: (t - s) * (a - bar) / (a - b)),
        "a curve may rise again after it has been below the bar. The first time counts: who asks how much a model stands "
        "wants no hole before that.": last_crossing,
        "it is right as long as the bar is crossed. When the model never falls below it, None is wanted.":
            lambda s, a, bar: s[-1] if (found := crossing(s, a, bar)) is None else found,
        "it is right as long as the bar is crossed. When the model never falls below it, None is wanted, and not "
        "infinity.": lambda s, a, bar: float("inf") if (found := crossing(s, a, bar)) is None else found,
        "at the bar is not below it: a share that is equal to the bar still counts as standing.":
            lambda s, a, bar: s[0] if a[0] <= bar else next(
                (s + (t - s) * (a - bar) / (a - b) for s, t, a, b in zip(s, s[1:], a, a[1:]) if b <= bar), None),
        "it is right unless the first share lies below the bar already. Then the first of the strengths is wanted.":
            lambda s, a, bar: crossing(s[1:], a[1:], bar) if len(a) > 1 and a[0] < bar else
            None if a[0] < bar else crossing(s, a, bar),
        "when the first share lies below the bar already, there is no crossing to look for. Return the first strength.":
            lambda s, a, bar: next((s + (t - s) * (a - bar) / (a - b) for s, t, a, b in zip(s, s[1:], a, a[1:])
                                    if b < bar), None),
    },
    right="One number for a whole curve, so models can be put in order. It hides how they fall, so draw the curve as well.")
def breaking_point(strengths, shares, bar):
    return crossing(strengths, shares, bar)


# ---------------------------------------------------------------- smallest_step

def linear_case(n, pixels, seed, shift=0.):
    """Rows, weights and a bias of a linear model."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: (torch.randn(*shape, generator=rng) * 100).round() / 100                      # noqa: E731
    return draw(n, pixels).abs(), draw(1, pixels), draw(1) + shift


def scores(rows, weight, bias):
    return rows @ weight.T + bias


@compared(
    cases=lambda: [(torch.tensor([[1., 1.], [0., 2.]]), torch.tensor([[2., -1.]]), torch.tensor([3.])),
                   linear_case(5, 4, 0), linear_case(3, 784, 1, 2.), linear_case(7, 12, 2, -3.), linear_case(1, 9, 3),
                   (torch.zeros(2, 3), torch.tensor([[1., 0., -1.]]), torch.tensor([-.5]))],
    hints=["How much does the score change when every pixel moves by size, each in the direction that hurts? The notebook "
           "has it in the cell with assert_close.",
           "It changes by size times the sum of the absolute values of the weights. Which size takes the whole score away?",
           "The score has to come down, or up, to 0, so its absolute value counts."],
    mistakes={
        "the bias is missing: the score is rows @ weight.T + bias.":
            lambda rows, weight, bias: (rows @ weight.T).abs() / weight.abs().sum(),
        "some of your steps are negative. A step has a size, and its direction is another matter: take the score's absolute "
        "value.": lambda rows, weight, bias: scores(rows, weight, bias) / weight.abs().sum(),
        "you divide by the root of the sum of the squares. That is the answer for the shortest step, in which pixels move "
        "by different amounts. Here each moves by the same.":
            lambda rows, weight, bias: scores(rows, weight, bias).abs() / weight.square().sum().sqrt(),
        "you divide by the sum of the weights, in which positive and negative ones cancel. Each pixel is moved to where it "
        "hurts, so take the absolute values first.":
            lambda rows, weight, bias: scores(rows, weight, bias).abs() / weight.sum(),
        "you divide by the absolute value of the sum, in which positive and negative weights have cancelled already. Take "
        "the absolute values first, then the sum.":
            lambda rows, weight, bias: scores(rows, weight, bias).abs() / weight.sum().abs(),
        "you divide by the mean of the absolute weights. Every pixel pushes, so their sum counts.":
            lambda rows, weight, bias: scores(rows, weight, bias).abs() / weight.abs().mean(),
        "you divide by the largest weight, as if one pixel alone were moved. All of them are.":
            lambda rows, weight, bias: scores(rows, weight, bias).abs() / weight.abs().max(),
        "these are the scores without their signs. How large must the step be that takes a score away?":
            lambda rows, weight, bias: scores(rows, weight, bias).abs(),
        "each digit has weights of its own in your sum: you add up weight times pixel. How fast the score changes does not "
        "depend on the digit.":
            lambda rows, weight, bias: scores(rows, weight, bias).abs() / (rows * weight).abs().sum(1, keepdim=True),
        "the fraction stands on its head: a digit with a large score needs a large step.":
            lambda rows, weight, bias: weight.abs().sum() / scores(rows, weight, bias).abs(),
    },
    right="No search, no gradient: for a linear model the nearest mistake is a formula. For the net it is one for as long as "
          "no hidden unit goes on or off. (Pixels end at 0 and 1, so in a picture more may be needed.)")
def smallest_step(rows, weight, bias):
    return scores(rows, weight, bias).abs() / weight.abs().sum()


# ---------------------------------------------------------------- strided

def conv(image, kernel, stride=1, padding=0):
    return F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]


def table(rows, columns, seed):
    return (torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 10).round() / 10


def taken(result, wanted):
    """As many rows and columns of a result as are wanted; where there are fewer, zeros."""
    if min(result.shape) == 0:
        return torch.zeros(wanted)
    return F.pad(result, (0, max(0, wanted[1] - result.shape[1]), 0, max(0, wanted[0] - result.shape[0])))[
        :wanted[0], :wanted[1]]


@compared(
    cases=lambda: [(pile(1, 5, 5)[0], table(3, 3, 0), 1, 0), (pile(1, 6, 7, 1)[0], table(3, 3, 1), 1, 1),
                   (pile(1, 7, 9, 2)[0], table(3, 3, 2), 2, 0), (pile(1, 8, 6, 3)[0], table(3, 3, 3), 2, 1),
                   (pile(1, 8, 9, 4)[0], table(2, 4, 4), 3, 0), (pile(1, 28, 28, 5)[0], table(5, 5, 5), 2, 2),
                   (pile(1, 3, 3, 6)[0], table(3, 3, 6), 4, 0), (pile(1, 2, 5, 7)[0], table(3, 2, 7), 1, 2)],
    hints=["Begin with the black frame: F.pad(image, (padding,) * 4). After it, nothing has to know of padding any more.",
           "How many places are there for the kernel in one direction? (length - size) // stride + 1, with the length of the "
           "framed image.",
           "The patch for place (row, column) of the result begins at (row * stride, column * stride) of the framed image."],
    mistakes={
        "the kernel is turned around. That is what mathematicians call a convolution; here it is laid on as it is.":
            lambda image, kernel, stride, padding: conv(image, kernel.flip(0, 1), stride, padding),
        "the kernel is transposed: its rows lie on columns.":
            lambda image, kernel, stride, padding: conv(image, kernel.T, stride, padding),
        "padding is not used: put the frame around the image first.":
            lambda image, kernel, stride, padding: conv(image, kernel, stride),
        "stride is not used: the kernel moves by one pixel every time.":
            lambda image, kernel, stride, padding: conv(image, kernel, 1, padding),
        "the result has too few rows and columns, or too many. Count the places of the kernel: with length pixels, framed, "
        "there are (length - size) // stride + 1.":
            lambda image, kernel, stride, padding: conv(image, kernel, stride, padding)[
                :(image.shape[0] + 2 * padding - len(kernel)) // stride,
                :(image.shape[1] + 2 * padding - kernel.shape[1]) // stride]
            if stride > 1 else conv(image, kernel, 1, padding),
        "the patches are taken one pixel after the other, although the result has the right size: row * stride is where the "
        "patch of a row begins.":
            lambda image, kernel, stride, padding: taken(conv(image, kernel, 1, padding),
                                                         conv(image, kernel, stride, padding).shape),
        "the frame is too wide: padding is the width on one side, so the image grows by twice as much.":
            lambda image, kernel, stride, padding: conv(image, kernel, stride, 2 * padding),
        "the frame is there on the right and below only. It goes all the way round.":
            lambda image, kernel, stride, padding: conv(F.pad(image, (0, 2 * padding, 0, 2 * padding)), kernel, stride),
        "the products are averaged. They are to be added up.":
            lambda image, kernel, stride, padding: conv(image, kernel, stride, padding) / kernel.numel(),
    },
    right="And it is F.conv2d, for one channel in and one out. With 8 channels below, a kernel has 8 such tables, and their "
          "results are added up.")
def strided(image, kernel, stride, padding):
    return conv(image, kernel, stride, padding)


# ---------------------------------------------------------------- centres

def places(images):
    rows, columns = images.shape[1:]
    return torch.arange(rows * 1.), torch.arange(columns * 1.)


def centre_by(images, weigh=lambda images: images, empty=None):
    """(n, 2): the mean row and column, weighted; empty: what to give for an image without ink, default the middle."""
    down, across = places(images)
    ink = weigh(images)
    total = ink.sum((1, 2))
    found = torch.stack([(ink.sum(2) @ down) / total, (ink.sum(1) @ across) / total], 1)
    middle = torch.stack([down.mean(), across.mean()]) if empty is None else torch.full((2,), empty)
    return torch.where((total == 0)[:, None], middle, found)


def boxes(images):
    """The middle of the box around the ink."""
    found = []
    for image in images:
        down, across = image.any(1).nonzero(), image.any(0).nonzero()
        found.append(torch.tensor([(down.min() + down.max()) / 2, (across.min() + across.max()) / 2]) if len(down)
                     else torch.tensor([(n - 1) / 2 for n in image.shape]))
    return torch.stack(found)


def lone(*places_, shape=(4, 6)):
    """Images of one bright pixel each."""
    images = torch.zeros(len(places_), *shape)
    for image, place in zip(images, places_):
        image[place] = .5
    return images


@compared(
    cases=lambda: [(lone((1, 4), (3, 0)),), (pile(4),), (pile(3, 5, 9, 1) * torch.linspace(0, 1, 9),),
                   (torch.cat([lone((2, 2)), torch.zeros(1, 4, 6), lone((0, 5))]),), (torch.zeros(2, 7, 7),),
                   (pile(1, 3, 3, 2),)],
    hints=["The mean place of the ink: each row number counts as much as there is ink in its row. images.sum(2) is the ink of "
           "each row, (n, rows).",
           "images.sum(2) @ torch.arange(rows) times and adds; torch.arange(28.) has floats. Then divide by all ink of the "
           "image.",
           "0 divided by 0 is nan. torch.where(condition, a, b) takes a where the condition holds and b elsewhere; a "
           "condition of shape (n, 1) fits beside (n, 2)."],
    mistakes={
        "row and column have changed places: the row comes first.": lambda images: centre_by(images).flip(1),
        "this is the mean place of all pixels with ink, faint ones counting as much as bright ones. Each should count as much "
        "as its shade.": lambda images: centre_by(images, lambda images: (images > 0).float()),
        "this is the middle of the box around the ink. A 7 has its ink at the top of its box: each pixel should count as much "
        "as its shade.": boxes,
        "rows and columns are counted from 1. The first one is 0.": lambda images: centre_by(images) + 1,
        "nan comes out for an image without ink, since 0 is divided by 0. Give the middle of the image there.":
            lambda images: centre_by(images, empty=float("nan")),
        "for an image without ink 0 comes out, which is a corner. Give the middle of the image there.":
            lambda images: centre_by(images, empty=0.),
        "for an image without ink, the middle is half of the last place: rows go from 0 to rows - 1, so it is "
        "(rows - 1) / 2.":
            lambda images: torch.where(images.any(2).any(1)[:, None], centre_by(images),
                                       torch.tensor([images.shape[1] / 2, images.shape[2] / 2])),
        "you divide by the ink of the whole pile. Each image has its own: sum over rows and columns only.":
            lambda images: torch.where((images.sum((1, 2)) == 0)[:, None], centre_by(images),
                                       centre_by(images) * (images.sum((1, 2)) / images.sum())[:, None]),
        "nothing is divided: these are sums of places, weighted by ink. Divide by all ink of the image.":
            lambda images: torch.where((images.sum((1, 2)) == 0)[:, None], centre_by(images),
                                       centre_by(images) * images.sum((1, 2))[:, None]),
        "this is where the brightest pixel lies. All ink counts.":
            lambda images: torch.stack([images.flatten(1).argmax(1) // images.shape[2],
                                        images.flatten(1).argmax(1) % images.shape[2]], 1).float(),
    },
    right="Try it on valid_x: all centres lie within half a pixel of (14, 14), since MNIST's authors put them there.")
def centres(images):
    return centre_by(images)
