"""The exercises of the notebook about where it fails."""
import torch
import torch.nn.functional as F

from course.exercises import compared, stack_of_images
from course.judges.linear_model import whole


def a_curve() -> tuple:
    """One to six strengths, their accuracies in steps of .25, which fall and rise, and a bar, now and then equal to one."""
    n = whole(1, 6)
    strengths = torch.randint(1, 5, (n,)).cumsum(0) / 2 - whole(1, 4)
    return strengths.tolist(), (torch.randint(3, (n,)) / 4 + .5).tolist(), [.5, .6, .75, .9, 1.][whole(0, 4)]


@compared(cases=lambda: [([0., 2., 4.], [1., .9, .5], .7), ([0., 1., 2., 3.], [.9, .6, .9, .5], .8), ([0., 1.], [.9, .5], .9)],
          random=a_curve, tries=40, mistakes={
    "as measured": lambda *case: breaking_point(*case, lambda a, b, bar: 1.),
    "from the left": lambda *case: breaking_point(*case, lambda a, b, bar: (bar - b) / (a - b)),
    "no line before": lambda *case: breaking_point(*case, first=False)})
def breaking_point(strengths, shares, bar, way=lambda a, b, bar: (a - bar) / (a - b), first=True):
    """way: the fraction of a falling piece before the crossing; first: whether the first share is looked at."""
    if first and shares[0] < bar:
        return strengths[0]
    pieces = zip(strengths, strengths[1:], shares, shares[1:])
    return next((s + (t - s) * way(a, b, bar) for s, t, a, b in pieces if b < bar), None)


@compared(cases=lambda: [(torch.tensor([[1., 1.], [0., 2.]]), torch.tensor([[2., -1.]]), torch.tensor([3.]))],
          random=lambda: (torch.rand(whole(1, 4), d := whole(1, 5)), torch.randn(1, d), 2 * torch.randn(1)), mistakes={
    "signed": lambda rows, weight, bias: F.linear(rows, weight, bias) / weight.abs().sum(),
    "root of squares": lambda *case: smallest_step(*case, torch.Tensor.norm),
    "signs cancel": lambda *case: smallest_step(*case, lambda weight: weight.sum().abs())})
def smallest_step(rows, weight, bias, size=lambda weight: weight.abs().sum()):
    return F.linear(rows, weight, bias).abs() / size(weight)


def kernel_and_image() -> tuple:
    """An image and a kernel of any shape, so that there is an index for the kernel, a stride and the width of the frame."""
    rows, columns, padding = whole(1, 3), whole(1, 4), whole(0, 2)
    least = max(1, max(rows, columns) - 2 * padding)
    return torch.rand(least + whole(0, 4), least + whole(0, 4)), torch.randn(rows, columns), whole(1, 3), padding


@compared(cases=lambda: [(torch.ones(4, 4), torch.ones(3, 3), 2, 1), (torch.rand(3, 3), torch.randn(3, 3), 4, 0)],
          random=kernel_and_image, tries=40, mistakes={
    "turned around": lambda image, kernel, stride, padding: strided(image, kernel.flip(0, 1), stride, padding),
    "frame too wide": lambda image, kernel, stride, padding: strided(image, kernel, stride, 2 * padding),
    "frame on two sides": lambda image, kernel, stride, padding:
        strided(F.pad(image, (0, 2 * padding, 0, 2 * padding)), kernel, stride, 0)})
def strided(image, kernel, stride, padding):
    return F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]


def some_ink() -> tuple:
    """Up to four images of one size; some without ink, many with little of it, some faint."""
    images = stack_of_images(n := whole(1, 4), whole(1, 4), whole(1, 5), whole(0, 999)) * 10. ** torch.randint(-2, 1, (n, 1, 1))
    return images * (torch.rand_like(images) < .6) * (torch.rand(n, 1, 1) < .7),


@compared(cases=lambda: [(torch.tensor([[[0., 0., 1.], [0., 0., .5]], [[0.] * 3] * 2]),)], random=some_ink, tries=30, mistakes={
    "exchanged": lambda images: centres(images).flip(1),
    "any ink": lambda images: centres((images > 0).float())})
def centres(images):
    down, across = (torch.arange(1. * length) for length in images.shape[1:])
    ink = images.sum((1, 2))
    found = torch.stack([images.sum(2) @ down / ink, images.sum(1) @ across / ink], 1)
    return torch.where(ink[:, None] > 0, found, torch.stack([down.mean(), across.mean()]))
