"""The exercises of the notebook about a ReLU net."""
import torch
from torch import nn

from course.exercises import a_kind, compared, fact, need, numeric, same, tried
from course.judges.linear_model import whole
from course.words import same_kind
from utils import load_digits


@compared(cases=lambda: [(torch.tensor([-2., 0., 3.]), .1), (torch.zeros(0), .1)],
          random=lambda: (10 * torch.randn([whole(1, 4) for _ in range(whole(1, 3))]), [0., .01, .2, 1.][whole(0, 3)]),
          mistakes={
    "plain ReLU": lambda s, slope: s.relu()})
def leaky_relu(s, slope):
    return s.clamp(min=0) + slope * s.clamp(max=0)


@compared(cases=lambda: [([2, 3, 1],), ([4, 4, 4],)], random=lambda: (torch.randint(1, 9, [whole(1, 5)]).tolist(),), mistakes={
    "no biases": lambda sizes: parameters_of(sizes, lambda n, m: 0),
    "a bias for each input": lambda sizes: parameters_of(sizes, lambda n, m: n)})
def parameters_of(sizes, biases=lambda n, m: m):
    return sum(n * m + biases(n, m) for n, m in zip(sizes, sizes[1:]))


def some_activations() -> tuple:
    """A few digits and units, large or tiny; most numbers are 0, some units have 0 everywhere, some are never above it."""
    numbers = torch.randint(-1, 3, (whole(1, 5), whole(1, 6))) * 10. ** whole(-4, 1)
    return (numbers * (torch.rand_like(numbers) < .6) * (torch.rand(numbers.shape[1]) < .7),)


@compared(cases=lambda: [(torch.tensor([[0., 2., 0.], [0., 0., 1.]]),)], random=some_activations, mistakes={
    "zeros": lambda a: (a == 0).sum(),
    "signs cancel": lambda a: (a.sum(0) == 0).sum(),
    "any": lambda a: (a == 0).any(0).sum(),
    "never above 0": lambda a: (a <= 0).all(0).sum()})
def dead_units(activations):
    return int((activations == 0).all(0).sum())


@tried(seconds=120)
def learn_two_digits(answer):
    def asked(says, images, labels):
        """What the function that came back says to images, as a tensor like their labels."""
        found = numeric(got := says(images.clone()))
        if found is None or found.shape != labels.shape or not same_kind(found, labels):
            need(False, f"look at what the function that you return gives for {len(images)} images: {fact(got, labels)}")
        return found

    learned, mixed = [], torch.randperm(500, generator=torch.Generator().manual_seed(2))[:450]   # first and last are alike
    for pair, rows, least in [((3, 7), torch.arange(500), .96), ((9, 4), mixed, .9)]:
        train_x, train_y, new_x, new_y = load_digits(pair, dataset="bundled")
        says = answer(x := train_x[rows], y := train_y[rows])
        need(callable(says), f"{a_kind(says)} comes back where a function is wanted. Define one inside yours, and return it.")
        need(not isinstance(says, nn.Module), "the model itself comes back: its scores are no labels yet.")
        need(same((x, y), (train_x[rows], train_y[rows])), "your code changes the images or labels that it is given.")
        got, what = asked(says, new_x, new_y), f"new {pair[0]}s and {pair[1]}s"
        odd, right = set(got.tolist()) - set(pair), (got == new_y).double().mean().item()
        need(not odd, f"to some {what} it says {min(odd, default='')}. Which two digits there are, labels.unique() tells.")
        need(right > .2, f"nearly all {what} are read wrongly: it did learn, and the two have changed places.")
        need(right >= least, f"of {len(new_y)} {what}, the fraction {right:.3f} is read rightly, and {least} can be reached. "
             "Are the digits shuffled (ours come sorted), each beside its own target, and the gradients zeroed?")
        for n in (0, 1, 300):
            need(same(asked(says, new_x[:n], new_y[:n]), got[:n]), f"an image is read otherwise when only the first {n} of "
                 f"{len(new_y)} are shown. What is said of an image should depend on this image alone.")
        learned.append((says, new_x, got))
    says, new_x, got = learned[0]
    need(same(asked(says, new_x, got), got), "after learning 9 and 4, the function for 3 and 7 answers otherwise: the two "
         "share a model. Make the model inside your function.")


def a_leaky_net() -> tuple:
    """Parameters of a small net, mini-batch, targets and slope, at random; some sums are negative."""
    n, k, h = (whole(1, 5) for _ in range(3))
    params = [torch.randn(h, k), torch.randn(h), torch.randn(1, h), torch.randn(1)]
    return params, torch.randn(n, k), (torch.rand(n, 1) > .5).float(), float(torch.rand(()))


@compared(cases=lambda: [((torch.ones(1, 2), torch.zeros(1), torch.ones(1, 1), torch.zeros(1)), torch.tensor([[1., -3.]]),
                          torch.tensor([[1.]]), .5)], random=a_leaky_net, mistakes={
    "flat below 0": lambda *case: leaky_backward(*case, lambda s1, slope: s1 > 0),
    "by the activation": lambda *case: leaky_backward(*case, leaky_relu)})
def leaky_backward(params, xb, yb, slope, back=lambda s1, slope: torch.where(s1 > 0, 1., slope)):
    """back: what the hinge multiplies by on the way back."""
    w1, b1, w2, b2 = params
    a = leaky_relu(s1 := xb @ w1.T + b1, slope)
    d_s2 = ((a @ w2.T + b2).sigmoid() - yb) / len(xb)
    d_s1 = (d_s2 @ w2) * back(s1, slope)
    return d_s1.T @ xb, d_s1.sum(0), d_s2.T @ a, d_s2.sum(0)
