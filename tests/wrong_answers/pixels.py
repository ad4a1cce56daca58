import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


# ---------------------------------------------------------------- ink

@wrong("one number came out for the whole pile")
def ink(images):
    return (images > 0).sum() / images.numel()


@wrong("you averaged over the images too early")
def ink(images):
    return (images != 0).float().mean(dim=0)


@wrong("A grey pixel counts as much as a white one")
def ink(images):
    return torch.stack([image.mean() for image in images]) if len(images) else torch.zeros(0)


@wrong("every number is 100 times what it should be")
def ink(images):
    return 100 * (images > 0).float().mean((1, 2))


@wrong("784 is 28 times 28")
def ink(images):
    return (images > 0).sum((1, 2)) / 784


@wrong("a list comes back where a tensor of shape (3,) is wanted")
def ink(images):
    return [(image > 0).float().mean().item() for image in images]


@wrong("put .float() in front")
def ink(images):
    return (images > 0).mean((1, 2))


@wrong("it has no pixels left")
def ink(images):
    raise ValueError("it has no pixels left")


@wrong("only pure white pixels are counted")
def ink(images):
    return images.floor().mean((1, 2))


# ---------------------------------------------------------------- brighten

@wrong("some bytes passed 255 or 0 and started again")
def brighten(images, by):
    return images + by


@wrong("afterwards it is too late")
def brighten(images, by):
    return torch.clamp(images + by, 0, 255)


@wrong("afterwards it is too late")
def brighten(images, by):
    return (images.int() + by).byte()


@wrong("your result holds floats, and bytes (uint8) are wanted")
def brighten(images, by):
    brighter = images.float() + by
    brighter[brighter > 255] = 255
    brighter[brighter < 0] = 0
    return brighter


@wrong("the dark end is not")
def brighten(images, by):
    brighter = images.int() + by
    brighter[brighter > 255] = 255
    return brighter.to(torch.uint8)


@wrong("whoever called it is left with the changed one")
def brighten(images, by):
    images[images > 255 - by] = 255 - by
    return images + by


@wrong("their white is 255")
def brighten(images, by):
    return (images.int() + by).clamp(0, 1).byte()


@wrong("black ones too")
def brighten(images, by):
    brighter = images.int()
    brighter[images > 0] += by
    return brighter.clamp(0, 255).to(torch.uint8)


@wrong("0 comes out at place (0, 0, 1) where 255 is wanted")
def brighten(images, by):
    brighter = images.int() + by
    brighter[brighter > 255] = 0
    brighter[brighter < 0] = 255
    return brighter.to(torch.uint8)


@wrong("you multiply")
def brighten(images, by):
    return (images.float() * (255 + by) / 255).clamp(0, 255).to(torch.uint8)


@wrong("when by is negative, nothing changes")
def brighten(images, by):
    brighter = images.int()
    if by > 0:
        brighter = (brighter + by).clamp(0, 255)
    return brighter.to(torch.uint8)


# ---------------------------------------------------------------- framed

@wrong("your code changes the tensor that it is given")
def framed(images):
    images[..., 0] = images[..., -1] = .5
    images[..., 0, :] = images[..., -1, :] = .5
    return images


@wrong("whole images are grey")
def framed(images):
    picture = images.clone()
    picture[0] = picture[-1] = .5
    picture[..., 0] = picture[..., -1] = .5
    return picture


@wrong("one image alone has no axis for images")
def framed(images):
    picture = images.clone()
    picture[:, 0] = picture[:, -1] = .5
    picture[:, :, 0] = picture[:, :, -1] = .5
    return picture


@wrong("27 is the last place of 28 only")
def framed(images):
    picture = images.clone()
    for place in (0, 27):
        picture[..., place] = .5
        picture[..., place, :] = .5
    return picture


@wrong("the frame lies around the image")
def framed(images):
    *front, rows, columns = images.shape
    sheet = torch.full([*front, rows + 2, columns + 2], .5)
    sheet[..., 1:-1, 1:-1] = images
    return sheet


@wrong("-2 is the last place but one")
def framed(images):
    picture = images.clone()
    picture[..., 0, :], picture[..., -2, :] = .5, .5
    picture[..., 0], picture[..., -2] = .5, .5
    return picture


@wrong("nothing comes back (None)")
def framed(images):
    picture = images.clone()
    picture[..., 0] = .5


@wrong("every pixel is grey")
def framed(images):
    picture = images.clone()
    picture[..., 0:] = .5
    return picture


@wrong("the frame is more than one pixel wide")
def framed(images):
    sheet = torch.full_like(images, .5)
    sheet[..., 2:-2, 2:-2] = images[..., 2:-2, 2:-2]
    return sheet


@wrong("the frame is white")
def framed(images):
    picture = images.clone()
    for place in (0, -1):
        picture[..., place] = 1
        picture[..., place, :] = 1
    return picture


@wrong("the rows at the top and bottom are grey")
def framed(images):
    picture = images.clone()
    picture[..., 0, :] = .5
    picture[..., -1, :] = .5
    return picture


@wrong("images[:, 0] the top row of each")
def framed(images):
    picture = images.clone()
    picture[0] = .5
    picture[-1] = .5
    picture[:, 0] = .5
    picture[:, -1] = .5
    return picture


@wrong("== only compares")
def framed(images):
    picture = images.clone()
    picture[..., 0] == .5
    picture[..., -1] == .5
    picture[..., 0, :] == .5
    picture[..., -1, :] == .5
    return picture


# ---------------------------------------------------------------- boldest

@wrong("the place belongs to a smaller pile")
def boldest(images, labels, label):
    mine = images[labels == label]
    light = mine.sum((1, 2))
    return images[light.argmax()]


@wrong("whatever its label")
def boldest(images, labels, label):
    return images[images.flatten(1).mean(1).argmax()]


@wrong("this is the place of the image")
def boldest(images, labels, label):
    best, most = 0, -1.
    for k, image in enumerate(images[labels == label]):
        if image.sum() > most:
            best, most = k, image.sum().item()
    return best


@wrong("brightest single pixel")
def boldest(images, labels, label):
    mine = images[labels == label]
    return mine[mine.amax((1, 2)).argmax()]


@wrong("a grey pixel less than a white one")
def boldest(images, labels, label):
    mine = images[labels == label]
    return mine[(mine > 0).float().mean((1, 2)).argmax()]


@wrong("Does argmax look at one number for each image")
def boldest(images, labels, label):
    mine = images[labels == label]
    return mine[mine.argmax()]


@wrong("the place belongs to the whole pile")
def boldest(images, labels, label):
    light = images.sum((1, 2)) * (labels == label)
    return images[labels == label][light.argmax()]


@wrong("one axis too many is left")
def boldest(images, labels, label):
    mine = images[labels == label]
    return mine[mine.sum((1, 2)) == mine.sum((1, 2)).max()]


@wrong("it is right for other inputs, but")
def boldest(images, labels, label):
    threes = images[labels == 3]
    sevens = images[labels == 7]
    mine = threes if label == 3 else sevens
    return mine[mine.sum((1, 2)).argmax()]


@wrong("this is the one with the least light")
def boldest(images, labels, label):
    mine = images[labels == label]
    return mine[mine.sum((1, 2)).argsort()][0]


@wrong("let it begin with no image")
def boldest(images, labels, label):
    light = images.sum((1, 2))
    best = 0
    for i in range(len(images)):
        if labels[i] == label and light[i] > light[best]:
            best = i
    return images[best]


@wrong("let it begin with no image")
def boldest(images, labels, label):
    best = images[0]
    for image, its_label in zip(images, labels):
        if its_label == label and image.sum() > best.sum():
            best = image
    return best


# ---------------------------------------------------------------- contact_sheet

@wrong("view and reshape never move a number")
def contact_sheet(images):
    n, rows, columns = images.shape
    return images.contiguous().view(rows, n * columns)


@wrong("the images lie below one another")
def contact_sheet(images):
    return torch.cat(list(images))


@wrong("rows and columns have changed places")
def contact_sheet(images):
    return torch.cat([image.T for image in images])


@wrong("that is flatten(1)")
def contact_sheet(images):
    return images.flatten(1)


@wrong("the first image belongs to the left")
def contact_sheet(images):
    sheet = images[0]
    for image in images[1:]:
        sheet = torch.cat([image, sheet], 1)
    return sheet


@wrong("Is a length written into your code")
def contact_sheet(images):
    sheet = torch.zeros(28, 28 * len(images))
    for k, image in enumerate(images):
        sheet[:, 28 * k:28 * (k + 1)] = image
    return sheet


@wrong("this is still the pile")
def contact_sheet(images):
    return torch.stack(list(images))


@wrong("torch.zeros makes floats")
def contact_sheet(images):
    n, rows, columns = images.shape
    sheet = torch.zeros(rows, n * columns)
    for k, image in enumerate(images):
        sheet[:, k * columns:(k + 1) * columns] = image
    return sheet


@wrong("0.0 comes out at place (0, 50) where 1.0 is wanted")
def contact_sheet(images):
    n, rows, columns = images.shape
    sheet = torch.zeros(rows, n * columns)
    for image in images:
        sheet[:, :columns] = image
    return sheet


@wrong("your result has shape (2352,), and (28, 84) is wanted")
def contact_sheet(images):
    return images.flatten()


# ---------------------------------------------------------------- reveal

@wrong("your result holds bytes (uint8), and floats are wanted")
def reveal(images):
    return images % 2


@wrong("your result holds True and False, and floats are wanted")
def reveal(images):
    return images % 2 == 1


@wrong("it is inside out")
def reveal(images):
    return 1 - (images % 2).float()


@wrong("the digit that everybody sees")
def reveal(images):
    return (images / 255 > .5).float()


@wrong("shares between 0 and 1 are neither odd nor even")
def reveal(images):
    return (images.float() / 255) % 2


@wrong("every number is 0.5 times what it should be")
def reveal(images):
    return images.float() / 2 - images // 2


@wrong("% and not //")
def reveal(images):
    return torch.floor(images / 2)


@wrong("As floats, white is 1")
def reveal(images):
    return images.float() % 2 * 255


@wrong("your result holds whole numbers, and floats are wanted")
def reveal(images):
    return torch.tensor([[int(pixel) % 2 for pixel in row] for row in images.flatten(0, -2)]).view(images.shape)


@wrong("your code changes the tensor that it is given")
def reveal(images):
    images %= 2
    return images.float()


@wrong("% gives the remainder")
def reveal(images):
    return images - images / 2 * 2


@wrong("% gives the remainder")
def reveal(images):
    return torch.zeros(images.shape)


@wrong("exactly 1")
def reveal(images):
    return torch.where(images == 1, 1., 0.)


@wrong("halves have nothing left over")
def reveal(images):
    return images.float() * .5


# ---------------------------------------------------------------- right answers, in other styles than the solution

RIGHT = []


def right(answer):
    RIGHT.append(answer)
    return answer


@right
def ink(images):
    return torch.stack([(image > 0).sum() / image.numel() for image in images])


@right
def ink(images):
    shares = []
    for image in images:
        shares.append((image != 0).float().mean().item())
    return torch.tensor(shares)


@right
def ink(images):
    return (images.reshape(len(images), -1) > 0).float().mean(1)


@right
def brighten(images, by):
    brighter = []
    for byte in images.flatten().tolist():
        brighter.append(min(255, max(0, byte + by)))
    return torch.tensor(brighter, dtype=torch.uint8).view(images.shape)


@wrong("a loop leaves nothing to stack")
def framed(images):
    if images.ndim > 2:
        return torch.stack([framed(image) for image in images])
    picture = images.clone()
    picture[0] = picture[-1] = .5
    picture[:, 0] = picture[:, -1] = .5
    return picture


@right
def framed(images):
    return F.pad(images[..., 1:-1, 1:-1], (1, 1, 1, 1), value=.5)


@right
def boldest(images, labels, label):
    best = None
    for image, its_label in zip(images, labels):
        if its_label == label and (best is None or image.sum() > best.sum()):
            best = image
    return best


@right
def contact_sheet(images):
    sheet = images[0]
    for image in images[1:]:
        sheet = torch.cat([sheet, image], 1)
    return sheet


@right
def reveal(images):
    return torch.where(images // 2 * 2 == images, 0., 1.)
