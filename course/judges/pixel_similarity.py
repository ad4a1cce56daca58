"""The exercises of the notebook about pixel similarity."""
import torch
from torch import Tensor

from course.exercises import compared, fact, need, numeric, same, tried
from course.judges.linear_model import whole
from utils import load_digits


@compared(
    cases=lambda: [(torch.tensor([True, True, False]), torch.tensor([True, False, False]))],
    random=lambda: (torch.rand(n := whole(0, 12)) < whole(0, 4) / 4, torch.rand(n) < whole(0, 4) / 4), tries=40,
    mistakes={
        "recall": lambda says_3, is_3: says_3[is_3].float().mean().nan_to_num(0),
        "accuracy": lambda says_3, is_3: (says_3 == is_3).float().mean().nan_to_num(0)})
def precision(says_3, is_3):
    return is_3[says_3].float().mean() if says_3.any() else torch.tensor(0.)


def images_and_templates() -> tuple[Tensor, Tensor]:
    """Images and templates of one size; often as many of both, and as many as there are rows or columns."""
    rows, columns, n, k = (whole(1, 4) for _ in range(4))
    return torch.rand(n, rows, columns), torch.rand(k, rows, columns)


@compared(
    cases=lambda: [(torch.tensor([[[0., 0.]], [[1., 0.]], [[1., 1.]]]), torch.tensor([[[0., 0.]], [[1., 1.]]]))],
    random=images_and_templates, tries=40,
    mistakes={
        "own index only": lambda images, templates: (images - templates).abs().mean((-1, -2))})
def l1_table(images, templates):
    return (images[:, None] - templates).abs().mean((-1, -2))


@compared(
    cases=lambda: [(torch.tensor([[[0., 1.]], [[1., 1.]], [[0., 0.]], [[0., 1.]]]), torch.arange(4) < 2)],
    random=lambda: (torch.randint(5, (n := whole(1, 5), whole(1, 5), whole(1, 5))) / 4, torch.rand(n) < .6), tries=40,
    mistakes={
        "truth beside columns": lambda images, is_3: ((images > .5) == is_3).float().mean(0),
        "how often lit": lambda images, is_3: (images > .5).float().mean(0)})
def pixel_accuracy(images, is_3):
    return ((images > .5) == is_3[:, None, None]).float().mean(0)


def neighbours() -> tuple[Tensor, Tensor, Tensor]:
    """New images, known images, labels; some known images occur twice, and now and then all pixels are 0 or 1."""
    images, known = images_and_templates()
    known = known[torch.randint(len(known), (whole(1, 9),))]
    if torch.rand(()) < .2:
        images, known = images.round(), known.round()
    return images, known, torch.randint(10, (len(known),))


@compared(
    cases=lambda: [(torch.tensor([[[.8, .9]], [[.2, .1]]]), torch.tensor([[[0., 0.]], [[1., 1.]]]), torch.tensor([3, 7]))],
    random=neighbours, tries=40,
    mistakes={
        "indices": lambda images, known_images, known_labels: torch.cdist(images.flatten(1), known_images.flatten(1)).argmin(1),
        "in L1": lambda images, known_images, known_labels: known_labels[
            torch.cdist(images.flatten(1), known_images.flatten(1), p=1).argmin(1)]})
def nearest_label(images, known_images, known_labels):
    return known_labels[[(known_images - image).square().mean((1, 2)).argmin().item() for image in images]]


@tried(seconds=60)
def my_distance(answer):
    train_x, train_y, valid_x, valid_y = load_digits((3, 7), dataset="bundled")
    mean3, mean7 = train_x[train_y == 3].mean(0), train_x[train_y == 7].mean(0)

    def distances(images, template):
        got = answer(*(given := (images.clone(), template.clone())))
        g, wanted = numeric(got), torch.full((len(images),), torch.inf)
        if g is None or g.shape != wanted.shape or g.dtype == torch.bool:
            need(False, f"{fact(got, wanted)} Rows and columns disappear, the images stay.")
        need(not g.isnan().any(), "nan comes out, which is no number: 0 was divided by 0, or something negative has no root.")
        need(same(given, (images, template)), "your code changes the images that it is given. Work on a .clone().")
        return g.double()

    to_3, to_7 = distances(valid_x, mean3), distances(valid_x, mean7)
    need(not torch.equal(to_3, to_7), "every digit is equally far from both templates. Does your function look at b?")
    need(same(distances(valid_x[99:100], mean3), to_3[99:100]), "the distance of a digit changes with the digits beside it in "
         "the stack.")
    right = int(((to_3 < to_7) == (valid_y == 3)).sum())
    for name, power in [("L1", 1), ("L2", 2)]:
        by_3, by_7 = ((valid_x - mean).abs().pow(power).mean((1, 2)) for mean in (mean3, mean7))
        need(not torch.equal(to_3 < to_7, by_3 < by_7), f"it gives the same answer as {name} for each of the 500 digits, so "
             f"{right} are right. A root, a factor or a sum in place of a mean never changes which is nearer. What would?")
    need(right > 100, f"it gets {right} of 500 right, far fewer than a coin: a distance is small for pictures that are alike.")
    need(right >= 489, f"it gets {right} of 500 right. L2 gets 487, and 489 are wanted. Look at its mistakes.")
