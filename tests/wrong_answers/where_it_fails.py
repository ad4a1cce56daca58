import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


# ---------------------------------------------------------------- breaking_point

@wrong("was measured below the bar")
def breaking_point(strengths, shares, bar):
    for strength, share in zip(strengths, shares):
        if share < bar:
            return strength


@wrong("still is at or above the bar")
def breaking_point(strengths, shares, bar):
    for k, share in enumerate(shares):
        if share < bar:
            return strengths[max(k - 1, 0)]
    return None


@wrong("the share of the way that is left below the bar")
def breaking_point(strengths, shares, bar):
    if shares[0] < bar:
        return strengths[0]
    for s, t, a, b in zip(strengths, strengths[1:], shares, shares[1:]):
        if b < bar:
            way = (bar - b) / (a - b)
            return (1 - way) * s + way * t


@wrong("not multiplied by the length of the piece")
def breaking_point(strengths, shares, bar):
    if shares[0] < bar:
        return strengths[0]
    for k in range(1, len(shares)):
        if shares[k] < bar:
            return strengths[k - 1] + (shares[k - 1] - bar) / (shares[k - 1] - shares[k])


@wrong("None is wanted")
def breaking_point(strengths, shares, bar):
    if shares[0] < bar:
        return strengths[0]
    for s, t, a, b in zip(strengths, strengths[1:], shares, shares[1:]):
        if b < bar:
            return s + (t - s) * (a - bar) / (a - b)
    return strengths[-1]


@wrong("The first time counts")
def breaking_point(strengths, shares, bar):
    if max(shares) < bar:
        return strengths[0]
    for k in range(len(shares) - 1, 0, -1):
        if shares[k - 1] >= bar > shares[k]:
            a, b = shares[k - 1], shares[k]
            return strengths[k - 1] + (strengths[k] - strengths[k - 1]) * (a - bar) / (a - b)


@wrong("Return the first strength")
def breaking_point(strengths, shares, bar):
    for s, t, a, b in zip(strengths, strengths[1:], shares, shares[1:]):
        if a >= bar > b or b < bar:
            return s + (t - s) * (a - bar) / (a - b)


@wrong("a share that is equal to the bar still counts as standing")
def breaking_point(strengths, shares, bar):
    if shares[0] <= bar:
        return strengths[0]
    for s, t, a, b in zip(strengths, strengths[1:], shares, shares[1:]):
        if b <= bar:
            return s + (t - s) * (a - bar) / (a - b)


@wrong("divided by 0")
def breaking_point(strengths, shares, bar):
    return torch.tensor(strengths).float().mean() / torch.zeros(())


# ---------------------------------------------------------------- smallest_step

@wrong("the bias is missing")
def smallest_step(rows, weight, bias):
    return (rows @ weight.T).abs() / weight.abs().sum()


@wrong("a factor too many")
def smallest_step(rows, weight, bias):
    return (rows @ weight.T + bias).abs() / weight.abs().sum() / 2


@wrong("some of your steps are negative")
def smallest_step(rows, weight, bias):
    return F.linear(rows, weight, bias) / weight.abs().sum()


@wrong("you divide by the root of the sum of the squares")
def smallest_step(rows, weight, bias):
    return F.linear(rows, weight, bias).abs() / weight.norm()


@wrong("you divide by the sum of the weights")
def smallest_step(rows, weight, bias):
    return F.linear(rows, weight, bias).abs() / weight.sum()


@wrong("have cancelled already")
def smallest_step(rows, weight, bias):
    return (F.linear(rows, weight, bias) / weight.sum()).abs()


@wrong("an axis of length 1 is too many or missing")
def smallest_step(rows, weight, bias):
    return (rows @ weight[0] + bias).abs() / weight.abs().sum()


@wrong("these are the scores without their signs")
def smallest_step(rows, weight, bias):
    return F.linear(rows, weight, bias).abs()


# ---------------------------------------------------------------- strided

@wrong("padding is not used")
def strided(image, kernel, stride, padding):
    (height, width), (rows, columns) = image.shape, kernel.shape
    result = torch.zeros((height - rows) // stride + 1, (width - columns) // stride + 1)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            top, left = row * stride, column * stride
            result[row, column] = (image[top:top + rows, left:left + columns] * kernel).sum()
    return result


@wrong("stride is not used")
def strided(image, kernel, stride, padding):
    return F.conv2d(image[None, None], kernel[None, None], padding=padding)[0, 0]


@wrong("the kernel is turned around")
def strided(image, kernel, stride, padding):
    return F.conv2d(image[None, None], kernel[None, None].rot90(2, (2, 3)), stride=stride, padding=padding)[0, 0]


@wrong("row * stride is where the patch of a row begins")
def strided(image, kernel, stride, padding):
    framed, (rows, columns) = F.pad(image, (padding,) * 4), kernel.shape
    result = torch.zeros((framed.shape[0] - rows) // stride + 1, (framed.shape[1] - columns) // stride + 1)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            result[row, column] = (framed[row:row + rows, column:column + columns] * kernel).sum()
    return result


@wrong("the frame is too wide")
def strided(image, kernel, stride, padding):
    framed, (rows, columns) = F.pad(image, (2 * padding,) * 4), kernel.shape
    return (framed.unfold(0, rows, stride).unfold(1, columns, stride) * kernel).sum((2, 3))


@wrong("is a length such as 28 or 784 built in?")
def strided(image, kernel, stride, padding):
    framed, size = F.pad(image, (padding,) * 4), len(kernel)
    return (framed[:9, :9].reshape(28, 28)[:size, :size] * kernel).sum()


@wrong("their lengths are not")
def strided(image, kernel, stride, padding):
    framed = F.pad(image, (padding,) * 4)
    size = len(kernel)                                   # the kernel need not be square
    height, width = ((n - size) // stride + 1 for n in framed.shape)
    patches = framed.unfold(0, len(kernel), stride).unfold(1, kernel.shape[1], stride)
    return (patches * kernel).sum((2, 3))[:height, :width]


# ---------------------------------------------------------------- centres

@wrong("row and column have changed places")
def centres(images):
    rows, columns = torch.arange(images.shape[1] * 1.), torch.arange(images.shape[2] * 1.)
    ink = images.sum((1, 2)).clamp(min=1e-9)
    found = torch.stack([images.sum(1) @ columns / ink, images.sum(2) @ rows / ink], 1)
    found[images.sum((1, 2)) == 0] = torch.stack([columns.mean(), rows.mean()])
    return found


@wrong("nan comes out for an image without ink")
def centres(images):
    rows, columns = torch.arange(images.shape[1] * 1.), torch.arange(images.shape[2] * 1.)
    ink = images.sum((1, 2))
    return torch.stack([images.sum(2) @ rows / ink, images.sum(1) @ columns / ink], 1)


@wrong("for an image without ink 0 comes out")
def centres(images):
    rows, columns = torch.arange(images.shape[1] * 1.), torch.arange(images.shape[2] * 1.)
    ink = images.sum((1, 2)).clamp(min=1e-9)
    return torch.stack([images.sum(2) @ rows / ink, images.sum(1) @ columns / ink], 1)


@wrong("faint ones counting as much as bright ones")
def centres(images):
    found = []
    for image in images:
        where = image.nonzero().float()
        found.append(where.mean(0) if len(where) else (torch.tensor(image.shape) - 1) / 2)
    return torch.stack(found)


@wrong("comes out at place")
def centres(images):
    found = []
    for image in images:                                 # the largest row and column sums
        found.append(torch.stack([image.sum(1).argmax(), image.sum(0).argmax()]).float() if image.any()
                     else (torch.tensor(image.shape) - 1) / 2)
    return torch.stack(found)


@wrong("is a length such as 28 or 784 built in?")
def centres(images):
    return images.view(-1, 784) @ torch.arange(784.)[:, None] / images.sum((1, 2))


# ---------------------------------------------------------------- right answers in other styles

def breaking_point(strengths, shares, bar):
    below = [k for k in range(len(shares)) if shares[k] < bar]
    if not below:
        return None
    k = below[0]
    if k == 0:
        return strengths[0]
    way = (shares[k - 1] - bar) / (shares[k - 1] - shares[k])
    return torch.lerp(torch.tensor(float(strengths[k - 1])), torch.tensor(float(strengths[k])), way)


def smallest_step(rows, weight, bias):
    rows = rows.clone().requires_grad_()
    score = rows @ weight[0] + bias
    slope, = torch.autograd.grad(score.sum(), rows)
    return (score.abs() / slope.abs().sum(1)).detach()[:, None]


def strided(image, kernel, stride, padding):
    framed = F.pad(image, (padding,) * 4)
    patches = framed.unfold(0, kernel.shape[0], stride).unfold(1, kernel.shape[1], stride)
    return torch.einsum("rcij,ij->rc", patches, kernel)


def centres(images):
    found = []
    for image in images:
        rows = torch.arange(float(image.shape[0]))[:, None]
        columns = torch.arange(float(image.shape[1]))
        if image.sum() == 0:
            found.append([(image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2])
        else:
            found.append([((image * rows).sum() / image.sum()).item(), ((image * columns).sum() / image.sum()).item()])
    return torch.tensor(found)


RIGHT = [breaking_point, smallest_step, strided, centres]
