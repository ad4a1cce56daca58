"""The exercises of notebook 02, pixel similarity."""
from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor

from course.exercises import a_kind, compared, need, pile, tried
from utils import load_digits


def answers_and_truth() -> list[tuple[Tensor, Tensor]]:
    """Pairs of what was said and what is so, (n,): mixed, all said, none said, none there, one, no digit.

    The first has 29 digits, of which 11 are called a 3, 17 are 3s, and 8 are both: no two shares are alike.
    """
    many = torch.arange(29) * 12 % 29
    said = torch.tensor([True, False, True, True, False, False, True, False, False, True])
    so = torch.tensor([True, True, True, False, False, True, True, True, True, False])
    return [(many < 11, (many > 2) & (many < 20)), (said, so),
            (torch.ones_like(said), so), (torch.zeros_like(said), so), (said, torch.zeros_like(so)),
            (said[:1], so[:1]), (said[:0], so[:0]),
            (torch.tensor([True, True, False]), torch.tensor([True, False, False]))]


def as_float(answer: Callable, says_3: Tensor, is_3: Tensor):
    """What precision returns; a whole number counts as a float, so that `return 0` will do."""
    got = answer(says_3, is_3)
    whole = type(got) is int or isinstance(got, Tensor) and got.ndim == 0 and got.dtype == torch.int64
    return float(got) if whole else got


@compared(
    cases=answers_and_truth, probe=as_float,
    hints=["A mask in square brackets keeps the places where it is True. Which of the two belongs inside, which in "
           "front?",
           "Keep the truth of those digits that were called a 3; its mean is the share. And of nothing at all?"],
    mistakes={
        "you ask how many of the 3s were found. Here it is the other way round: of those *called* a 3, how many are "
        "3s? Swap the two masks.".replace("*", ""): lambda says_3, is_3: says_3[is_3].float().mean().nan_to_num(0),
        "this is the accuracy: it counts the right answers among all digits. Only those that were called a 3 count "
        "here.":
            lambda says_3, is_3: (says_3 == is_3).float().mean().nan_to_num(0),
        "you divide by the number of all digits. Divide by how many were called a 3.":
            lambda says_3, is_3: (says_3 & is_3).float().mean().nan_to_num(0),
        "this is how many were rightly called a 3, a count. The share among all that were called a 3 is wanted.":
            lambda says_3, is_3: (says_3 & is_3).sum(),
        "something is added to the number of those called a 3, perhaps against a division by 0. That makes every share "
        "too small: test for 0 first.": lambda says_3, is_3: (says_3 & is_3).sum() / (says_3.sum() + 1),
        "this is the share of wrong ones among those called a 3. One minus that is wanted.":
            lambda says_3, is_3: (~is_3)[says_3].float().mean().nan_to_num(0),
        "this is the share of digits called a 3. Whether they are 3s has not been asked.":
            lambda says_3, is_3: says_3.float().mean().nan_to_num(0),
        "it is right as long as something was called a 3. When nothing was, 0 is divided by 0 and gives nan: test for "
        "that first, and return 0.": lambda says_3, is_3: is_3[says_3].float().mean(),
        "it is right as long as something was called a 3. When nothing was, it divides by 0 and ends with an error: "
        "test for that first, and return 0.": lambda says_3, is_3: (says_3 & is_3).sum().item() / says_3.sum().item(),
        "you return 1 when nothing was called a 3. The task asks for 0 then.":
            lambda says_3, is_3: is_3[says_3].float().mean().nan_to_num(1),
    },
    right="It has a twin, called recall: of the 3s, what share was found? You get it by swapping the two masks.")
def precision(says_3, is_3):
    return (says_3 & is_3).sum() / max(says_3.sum().item(), 1)


@compared(
    cases=lambda: [(pile(3), pile(3, seed=1)), (pile(5), pile(2, seed=1)), (pile(4, 5, 7), pile(5, 5, 7, seed=1)),
                   (pile(1), pile(4, seed=1)), (pile(7, 7, 7), pile(2, 7, 7, seed=1)),
                   (torch.tensor([[[0., 0.]], [[1., 0.]], [[1., 1.]]]), torch.tensor([[[0., 0.]], [[1., 1.]]]))],
    hints=["We want shape (n, 1, rows, columns) beside (k, rows, columns). What does broadcasting make of the two?",
           "[:, None] puts an axis of length 1 behind axis 0. Then the function l1 of this notebook does the rest.",
           "Write the two shapes below each other, flush right: 1 stands over k, n over nothing. Both are stretched."],
    mistakes={
        "each image was compared with one template only, the one at its own place. Each image has to meet every "
        "template: give the images an axis more, [:, None].":
            lambda images, templates: (images - templates).abs().mean((-1, -2)),
        "rows and columns of the table have changed places: images run down, templates across.":
            lambda images, templates: (templates[:, None] - images).abs().mean((-1, -2)),
        "these are sums: the mean over the pixels is wanted.":
            lambda images, templates: (images[:, None] - templates).abs().sum((-1, -2)),
        "positive and negative differences cancel: take the absolute values before the mean.":
            lambda images, templates: (images[:, None] - templates).mean((-1, -2)),
        "the absolute value comes too late: after the mean, the differences have cancelled already.":
            lambda images, templates: (images[:, None] - templates).mean((-1, -2)).abs(),
        "these are L2 distances: L1 is the mean of the absolute differences.":
            lambda images, templates: (images[:, None] - templates).square().mean((-1, -2)).sqrt(),
        "these are mean squares: L1 is the mean of the absolute differences.":
            lambda images, templates: (images[:, None] - templates).square().mean((-1, -2)),
        "one number came out for everything. Only rows and columns should disappear, the last two axes.":
            lambda images, templates: (images[:, None] - templates).abs().mean(),
        "only the columns are gone, so every row of every image still has a distance of its own. Rows should disappear "
        "too.":
            lambda images, templates: (images[:, None] - templates).abs().mean(-1),
        "you averaged over the images: they should stay. Rows and columns are the last two axes, -1 and -2.":
            lambda images, templates: (images[:, None] - templates).abs().mean((0, 1)),
        "this is only the distance to the nearest template. The table has a column for each.":
            lambda images, templates: (images[:, None] - templates).abs().mean((-1, -2)).amin(1),
    },
    right="Ten templates would be no more work than two: .argmin(1) of this table names the nearest one for each "
          "image.")
def l1_table(images, templates):
    table = torch.zeros(len(images), len(templates))
    for k, template in enumerate(templates):
        table[:, k] = (images - template).abs().mean((1, 2))
    return table


def yes_and_no(n: int) -> Tensor:
    """True and False (n,), in no regular order."""
    return torch.tensor([1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1])[torch.arange(n) % 13] == 1


@compared(
    cases=lambda: [(pile(6, 6, 6), yes_and_no(6)), (pile(9), yes_and_no(9)), (pile(5, 7, 5), yes_and_no(5)),
                   (pile(1), yes_and_no(1)), (torch.tensor([[[.5, 1.], [0., .7]]]).repeat(3, 1, 1), yes_and_no(3)),
                   (torch.tensor([[[0., 1.]], [[1., 1.]], [[0., 0.]], [[0., 1.]]]), torch.arange(4) < 2)],
    hints=["images > .5 is what 784 programs say about every image. Which axis should disappear when you take the "
           "mean?",
           "The truth has shape (n,), the answers (n, rows, columns). Flush right, n would stand under columns. "
           "Question 3 of this notebook knows what to do.",
           "is_3[:, None, None] has shape (n, 1, 1), and == stretches it over all pixels."],
    mistakes={
        "the truth was matched with the columns: flush right, n stands under columns. When the two happen to be equal, "
        "there is not even an error. Make the shape of is_3 (n, 1, 1).":
            lambda images, is_3: ((images > .5) == is_3).float().mean(0),
        "the truth was matched with the rows: is_3[:, None] is a column, of shape (n, 1), and n stands under rows. It "
        "needs two axes behind its own.": lambda images, is_3: ((images > .5) == is_3[:, None]).float().mean(0),
        "this is how often each pixel is lit. Whether that was right has not been asked: compare with is_3 first.":
            lambda images, is_3: (images > .5).float().mean(0),
        "you averaged over the pixels of each image: one number for each pixel is wanted, and the images disappear.":
            lambda images, is_3: ((images > .5) == is_3[:, None, None]).float().mean((1, 2)),
        "one number came out for everything: only axis 0, the images, should disappear.":
            lambda images, is_3: ((images > .5) == is_3[:, None, None]).float().mean(),
        "you count how many answers are right. Their share is wanted: the mean.":
            lambda images, is_3: ((images > .5) == is_3[:, None, None]).sum(0),
        "this is the share of wrong answers.":
            lambda images, is_3: ((images > .5) != is_3[:, None, None]).float().mean(0),
        "only the 3s are counted here. To leave a pixel dark for a 7 is a right answer as well: compare with ==, not "
        "with &.":
            lambda images, is_3: ((images > .5) & is_3[:, None, None]).float().mean(0),
        "you looked at the 3s alone. The 7s count too: a program that says 3 to everything should not look perfect.":
            lambda images, is_3: (images[is_3] > .5).float().mean(0),
        "this is the mean of two shares, one for the 3s and one for the 7s. Each digit should weigh the same, so take "
        "all of them together.":
            lambda images, is_3: ((images[is_3] > .5).float().mean(0) + (images[~is_3] <= .5).float().mean(0)) / 2,
        "a pixel of exactly .5 says 3 here. It should say 3 only above .5.":
            lambda images, is_3: ((images >= .5) == is_3[:, None, None]).float().mean(0),
        "every pixel above 0 says 3 here. It should say 3 only above .5.":
            lambda images, is_3: ((images > 0) == is_3[:, None, None]).float().mean(0),
    },
    right="784 programs judged in one line. An accuracy far below .5 is as good as one far above: turn the "
          "answer round.")
def pixel_accuracy(images, is_3):
    return torch.stack([(image > .5) == yes for image, yes in zip(images, is_3)]).float().mean(0)


def neighbours() -> list[tuple[Tensor, Tensor, Tensor]]:
    """New images, known images, labels: random, real digits, where L1 and L2 differ, ties, one known, tiny."""
    train_x, train_y, valid_x, _ = load_digits((3, 7), dataset="bundled")
    blank, faint, bright = torch.zeros(28, 28), torch.full((28, 28), .1), torch.zeros(28, 28)
    bright[:8, :8] = 1
    same_twice = torch.stack([bright, faint, faint, bright])
    return [(pile(12, seed=1), pile(20), torch.arange(20) * 7 % 4),
            (pile(6, seed=1), pile(4), torch.tensor([7, 3, 8, 3])), (valid_x[::50], train_x[::5], train_y[::5]),
            (blank[None], torch.stack([faint, bright]), torch.tensor([3, 7])),
            (torch.stack([faint, bright]), same_twice, torch.tensor([4, 3, 7, 9])),
            (pile(3, 5, 7, seed=1), pile(5, 5, 7), torch.tensor([0, 1, 2, 1, 0])),
            (pile(2), pile(1, seed=1), torch.tensor([5])),
            (torch.tensor([[[.8, .9]], [[.2, .1]]]), torch.tensor([[[0., 0.]], [[1., 1.]]]), torch.tensor([3, 7]))]


def each_nearest(place: Callable, images: Tensor, known_images: Tensor, known_labels: Tensor) -> Tensor:
    """For each image, the label at the place that `place` finds in the L2 distances to the known images."""
    return known_labels[[int(place((known_images - image).square().mean((1, 2)))) for image in images]]


def of_means(images: Tensor, known_images: Tensor, known_labels: Tensor) -> Tensor:
    """The label whose mean image is nearest."""
    labels = known_labels.unique()
    means = torch.stack([known_images[known_labels == label].mean(0) for label in labels])
    return each_nearest(torch.argmin, images, means, labels)


@compared(
    cases=neighbours,
    hints=["Begin with one new image: l2(known_images, image) gives its distance to every known one.",
           "argmin tells the place of the smallest distance, and the label lies at the same place of known_labels.",
           "A loop over the new images is fine here. Collect the places, and index known_labels with them."],
    mistakes={
        "these are places, not labels: known_labels has the label at each place.":
            lambda images, known_images, known_labels: each_nearest(torch.argmin, images, known_images,
                                                                    torch.arange(len(known_labels))),
        "this is the label of the farthest known image, not of the nearest.":
            lambda images, known_images, known_labels: each_nearest(torch.argmax, images, known_images, known_labels),
        "these are the answers of the templates: you compare with the mean image of each label. Compare with every "
        "known image, each for itself.": of_means,
        "you measured in L1. The nearest in L2 is wanted.":
            lambda images, known_images, known_labels: known_labels[
                [(known_images - image).abs().mean((1, 2)).argmin().item() for image in images]],
        "only the label of the first image came out. Does a return stand inside the loop? It ends the function in the "
        "first round: collect the labels, and return them after the loop.":
            lambda images, known_images, known_labels: each_nearest(torch.argmin, images[:1], known_images,
                                                                    known_labels)[0],
        "only the label of the first image came out, in a row of its own. Does a return stand inside the loop? It ends "
        "the function in the first round.":
            lambda images, known_images, known_labels: each_nearest(torch.argmin, images[:1], known_images,
                                                                    known_labels),
        "several near images vote here. Only the nearest one counts: argmin finds it.":
            lambda images, known_images, known_labels: each_nearest(
                lambda distances: distances.argsort()[:3][known_labels[distances.argsort()[:3]]
                                                          == known_labels[distances.argsort()[:3]].mode().values][0],
                images, known_images, known_labels),
        "differences with a sign cancel, and an image far too bright counts as near. Square them before the mean, as "
        "l2 does.": lambda images, known_images, known_labels: known_labels[
            [(known_images - image).mean((1, 2)).argmin().item() for image in images]],
        "a place is asked for that known_labels does not have (IndexError): argmin() without an axis counts through "
        "the distances of all images. Let it look along the known images only.":
            lambda images, known_images, known_labels: known_labels[
                (images[:, None] - known_images).square().mean((-1, -2)).argmin()],
        "one answer came out, as one number: either a return stands inside the loop, or argmin() has no axis and "
        "looks through all distances at once. Let it look along the known images only.":
            lambda images, known_images, known_labels: known_labels[
                (images[:, None] - known_images).square().mean((-1, -2)).argmin() % len(known_labels)],
        "you went the other way: for each known image, the nearest of the new ones. There should be one label for each "
        "new image.":
            lambda images, known_images, known_labels: known_labels[
                [(images - known).square().mean((1, 2)).argmin().item() for known in known_images]],
        "of known images that are equally near, the first should count. Yours is the last: is there <= where < would "
        "do?":
            lambda images, known_images, known_labels: each_nearest(
                lambda distances: (distances == distances.min()).nonzero()[-1], images, known_images, known_labels),
        "this is simply the first known label for each image. Which known image is the nearest?":
            lambda images, known_images, known_labels: known_labels[:1].expand(len(images)),
    }, seconds=60,
    right="No mean, no template, nothing trained: such a program is called nearest neighbour. Is it better than .974? "
          "The next cell tells.")
def nearest_label(images, known_images, known_labels):
    return each_nearest(torch.argmin, images, known_images, known_labels)


@tried(
    hints=["What goes wrong with L2? Look at its mistakes again: slanted digits, and digits that lie a little beside "
           "the template.",
           "Two ideas that work: let a digit move a little before you judge it, or make both pictures less sharp, so "
           "that being off by one pixel matters less. a.roll(1, dims=-1) moves every image of a by one column.",
           "Of several distances, torch.stack(distances).amin(0) keeps the smallest for each image. And a picture "
           "becomes less sharp as the mean of itself and its moved copies."],
    seconds=60,
    right="But is it better than L2, or lucky? Count where exactly one of them is right, and toss coins: a few digits "
          "in five hundred prove nothing. And you chose it by looking at these very digits, so its score is a little "
          "too kind.")
def my_distance(answer):
    train_x, train_y, valid_x, valid_y = load_digits((3, 7), dataset="bundled")
    mean3, mean7, is_3 = train_x[train_y == 3].mean(0), train_x[train_y == 7].mean(0), valid_y == 3

    def distances(images, template):
        a, b = images.clone(), template.clone()
        got = answer(a, b)
        need(got is not None, "nothing comes back (None): end your code with return and the distances.")
        need(isinstance(got, Tensor),
             f"{a_kind(got)} comes back where a tensor with a distance for each image is wanted.")
        need(got.shape == (len(images),),
             f"for images of shape {tuple(images.shape)} and one template your result has shape {tuple(got.shape)}, "
             f"and {(len(images),)} is wanted: rows and columns disappear, the images stay.")
        need(got.dtype != torch.bool,
             "True and False come back. A distance is a number; which of two is smaller is asked later.")
        need(not got.isnan().any(),
             "nan comes out, which is not a number: 0 was divided by 0, or it is the root of a negative number.")
        need(torch.equal(a, images) and torch.equal(b, template),
             "your code changes the images that it is given. Work on a copy, made with .clone().")
        return got.detach().double()

    to_3, to_7 = distances(valid_x, mean3), distances(valid_x, mean7)
    need(not torch.equal(to_3, to_7), "every digit is equally far from both templates. Does your function look at b?")
    need(to_3.unique().numel() > 1,
         "all digits have the same distance. Does your function look at a, each image for itself?")
    alone = torch.cat([distances(valid_x[k:k + 1], mean3) for k in (0, 100, 300, 499)])
    need(torch.allclose(alone, to_3[[0, 100, 300, 499]], rtol=1e-3, atol=1e-6),
         "the distance of a digit changes with the digits beside it in the pile. Does a mean, a smallest or a largest "
         "run over the images too?")
    says_3 = to_3 < to_7
    right = int((says_3 == is_3).sum())
    for name, power in [("L1", 1), ("L2", 2)]:
        by = (valid_x - mean3).abs().pow(power).mean((1, 2)) < (valid_x - mean7).abs().pow(power).mean((1, 2))
        need(not torch.equal(says_3, by),
             f"it gives the same answer as {name} for each of the 500 digits, so {right} are right. "
             "A root, a factor or a sum in place of a mean does not change which template is nearer. What would?")
    need(right > 100,
         f"it gets {right} of 500 right, far fewer than a coin. Is it large for pictures that are alike? A distance "
         "is small then: one minus it, or minus it, turns it round.")
    need(len(says_3.unique()) > 1,
         f"it gives the same answer for each digit, so {right} of 500 are right: one template is nearer "
         "whatever the digit. Are both made comparable, and is each used in the same way?")
    need(right >= 489,
         f"it gets {right} of 500 right{': one digit short' if right == 488 else ''}. L2 gets 487, and 489 are "
         "wanted. Look at digits that it gets wrong: what should not count, and does? Most ideas do not help, "
         "so try another; or less of this one.")
