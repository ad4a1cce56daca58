"""The exercises of notebook 01, pixels."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course.exercises import compared, pile


def byte_pile(n: int = 3, rows: int = 28, columns: int = 28) -> Tensor:
    """The images of pile as bytes: uint8 (n, rows, columns), even and odd ones, up to 255."""
    return (pile(n, rows, columns) * 255).round().to(torch.uint8)


@compared(
    cases=lambda: [(pile(3),), (pile(1),), (pile(4, 5, 7),), (torch.tensor([[[0., 1.], [0., .5]]]),)],
    hints=["A comparison gives True or False for each pixel, and the mean of those is a share. Notebook 1 does it for "
           "one digit.",
           "The images stay, so axis 0 stays; rows and columns disappear. Which axes do you name?"],
    mistakes={
        "one number came out for the whole pile: mean() removes every axis. Rows and columns should disappear, so name "
        "these two and leave axis 0 alone.": lambda images: (images > 0).float().mean(),
        "you averaged over the images too early: mean(0) removes axis 0 and leaves the rows and columns. It is the "
        "other way round.": lambda images: (images > 0).float().mean(0),
        "this is the mean light. A grey pixel counts as much as a white one here: ask images > 0 first.":
            lambda images: images.mean((1, 2)),
        "this is how many pixels have ink, not which share of all pixels: take the mean in place of the sum.":
            lambda images: (images > 0).float().sum((1, 2)),
        "this is the share of black pixels: what is left has ink.": lambda images: (images == 0).float().mean((1, 2)),
        "dark grey pixels are left out. All pixels above 0 count, not only the bright ones.":
            lambda images: (images > .5).float().mean((1, 2)),
        "only pure white pixels are counted. All pixels above 0 count.":
            lambda images: (images == 1).float().mean((1, 2)),
        "784 is 28 times 28, and not all images have this size. The mean asks by itself how many pixels there are.":
            lambda images: (images > 0).float().sum((1, 2)) / 784,
        "only one of the two axes is gone, so each row or column still has a number of its own.":
            lambda images: (images > 0).float().mean(1),
    },
    right="The mean of a comparison is a share; in the next notebook it becomes the accuracy.")
def ink(images):
    return (images > 0).float().flatten(1).sum(1) / images[0].numel()


@compared(
    cases=lambda: [(byte_pile(), 100), (byte_pile(2, 5, 7), -100), (byte_pile(), 0), (byte_pile()[0], 255),
                   (byte_pile()[:0], 9), (torch.tensor([0, 100, 200], dtype=torch.uint8), 100)],
    hints=["Convert to a type that can hold 300 and -100 before you add. Notebook 1 says which.",
           "Then bring everything above 255 down to 255, and everything below 0 up to 0. .clamp(lowest, highest) does "
           "both; a mask on the left of = can do it too, on your own copy.",
           "Three moves, in this order: convert and add, limit, back to bytes with .to(torch.uint8)."],
    mistakes={
        "some bytes passed 255 or 0 and started again at the other end. Add in floats or whole numbers (.float(), "
        ".int()), and keep them between 0 and 255 before you go back to bytes: afterwards it is too late.":
            lambda images, by: images + torch.tensor(by).to(torch.uint8),
        "1 is white where pixels are floats from 0 to 1. These are bytes, and their white is 255.":
            lambda images, by: (images.int() + by).clamp(0, 1).to(torch.uint8),
        "the bright end is right, the dark end is not: when by is negative, bytes can pass 0 as well.":
            lambda images, by: (images.int() + by).clamp(max=255).to(torch.uint8),
        "black pixels stay black here. Every pixel gets the same amount more, black ones too.":
            lambda images, by: ((images.int() + by).clamp(0, 255) * (images > 0)).to(torch.uint8),
        "by is added to every byte; you multiply, so that bright pixels get more than dark ones.":
            lambda images, by: (images * (1 + by / 255)).clamp(0, 255).to(torch.uint8),
        "when by is negative, nothing changes. Adding works for both, so there is no need to ask for its sign.":
            lambda images, by: (images.int() + max(by, 0)).clamp(0, 255).to(torch.uint8),
        "the limits are there, but nothing is added.": lambda images, by: images.clamp(0, 255),
    },
    right="What passed the limits is lost: darker by the same amount does not bring the picture back.")
def brighten(images, by):
    table = [min(max(byte + by, 0), 255) for byte in range(256)]
    return torch.tensor(table, dtype=torch.uint8)[images.long()]


def paint_edges(images: Tensor, *places: tuple) -> Tensor:
    """A copy of images that is grey at some places, given as indices."""
    images = images.clone()
    for place in places:
        images[place] = .5
    return images


@compared(
    cases=lambda: [(pile(3),), (pile(1)[0],), (pile(2, 5, 7),), (pile(6).view(2, 3, 28, 28),), (pile(0),),
                   (torch.zeros(3, 4),)],
    hints=["A slice on the left of = paints, on a copy made with .clone(). Four edges: four slices.",
           "images[..., 0] is the leftmost column. Which index is the last column, whatever the size?",
           "A row is the last axis but one: [..., 0, :] is the top row. The colon stands for all of its columns."],
    mistakes={
        "whole images are grey, the first and the last: in a pile, images[0] is an image. Begin with ... so that the "
        "places belong to rows and columns.": lambda images: paint_edges(images, 0, -1, (..., 0), (..., -1)),
        "whole images are grey, the first and the last: in a pile, images[0] is an image, and images[:, 0] the top "
        "row of each image. Begin with ... so that the places belong to rows and columns.":
            lambda images: paint_edges(images, 0, -1, (slice(None), 0), (slice(None), -1)),
        "in a pile, a whole image is grey: images[0] is the top row of one image, and the first image of a pile. "
        "Write [..., 0, :].": lambda images: paint_edges(images, 0, (..., 0), (..., -1), (..., -1, slice(None))),
        "it works for a pile, but one image alone has no axis for images. Count from the end: ... stands for all axes "
        "in front.":
            lambda images: paint_edges(images, *[(slice(None), 0), (slice(None), -1), (slice(None), slice(None), 0),
                                                 (slice(None), slice(None), -1)]),
        "the columns at the left and right are grey, the rows at the top and bottom are not.":
            lambda images: paint_edges(images, (..., 0), (..., -1)),
        "the rows at the top and bottom are grey, the columns at the left and right are not.":
            lambda images: paint_edges(images, (..., 0, slice(None)), (..., -1, slice(None))),
        "only the top and the left are grey. Negative numbers count from the end.":
            lambda images: paint_edges(images, (..., 0), (..., 0, slice(None))),
        "one side stops short: -2 is the last place but one. The last place is -1.":
            lambda images: paint_edges(images, (..., 0), (..., -2), (..., 0, slice(None)), (..., -2, slice(None))),
        "27 is the last place of 28 only. These images have another size: -1 is the last place of any.":
            lambda images: paint_edges(images, (..., 0), (..., 27), (..., 0, slice(None)), (..., 27, slice(None))),
        "the frame is more than one pixel wide: 0:2 and -2: are two rows or columns.":
            lambda images: paint_edges(images, (..., slice(0, 2)), (..., slice(-2, None)),
                                       (..., slice(0, 2), slice(None)), (..., slice(-2, None), slice(None))),
        "the frame lies around the image, which grew by it. It should cover the outermost pixels.":
            lambda images: F.pad(images, (1, 1, 1, 1), value=.5),
        "the frame is white. Grey is .5 here.": lambda images: torch.where(framed(images * 0) > 0, 1., images),
        "nothing is painted. = paints, and == only compares; and what you paint has to be what you return.":
            lambda images: images.clone(),
        "every pixel is grey: the frame is only the first and last row, and the first and last column.":
            lambda images: torch.full_like(images, .5),
    },
    right="With ... in front, the same four lines frame one image, a pile, or a pile of piles.")
def framed(images):
    rows, columns = images.shape[-2:]
    row, column = torch.arange(rows)[:, None], torch.arange(columns)
    inside = (row > 0) & (row < rows - 1) & (column > 0) & (column < columns - 1)
    return torch.where(inside, images, .5)


def people(rows: int = 28, columns: int = 28) -> tuple[Tensor, Tensor]:
    """Eight images and their labels; most light, most ink and the whitest pixel are in different ones of each label."""
    images = pile(8, rows, columns) * torch.tensor([.3, .9, .5, .8, .35, .4, 1, .2])[:, None, None]
    images[0] += .01
    images[7, rows // 2, columns // 2] = 1
    return images, torch.tensor([3, 7, 3, 7, 3, 8, 1, 3])


def brightest_first() -> tuple[Tensor, Tensor]:
    """Three images and their labels 7, 3, 3; the first has the most light, the third more than the second."""
    return torch.tensor([[[9., 9.]], [[1., 2.]], [[3., 1.]]]), torch.tensor([7, 3, 3])


def bolder_than_the_first(images: Tensor, labels: Tensor, label: int) -> Tensor:
    """A search that begins with image 0, whatever its label."""
    light = images.sum((1, 2)) * ((labels == label) | (torch.arange(len(labels)) == 0))
    return images[light.argmax()]


@compared(
    cases=lambda: [(*people(), 3), (*people(), 7), (*people(), 8), (*people(5, 7), 3),
                   (*brightest_first(), 3)],
    hints=["Two steps of notebook 1: a mask keeps the images of one digit, and argmax finds a place.",
           "Give the images that the mask keeps a name. Their light, and the place of the most, belong to them, not to "
           "the whole pile."],
    mistakes={
        "the place belongs to a smaller pile: you looked for it among the kept images, and then took the image at that "
        "place from all of them.": lambda images, labels, label: images[images[labels == label].sum((1, 2)).argmax()],
        "the place belongs to the whole pile: you looked for it among all images, and then took the image at that "
        "place from the kept ones.":
            lambda images, labels, label: images[labels == label][(images.sum((1, 2)) * (labels == label)).argmax()],
        "this is the boldest image of all, whatever its label. Keep only those with the label first.":
            lambda images, labels, label: images[images.sum((1, 2)).argmax()],
        "image 0 comes out, and it has another label. If a search begins with image 0 as the best so far, only a "
        "bolder one can take its place: let it begin with no image.": bolder_than_the_first,
        "this is the one with the least light.": lambda images, labels, label: images[labels == label][
            images[labels == label].sum((1, 2)).argmin()],
        "this is the place of the image. The image itself is wanted: put the place in square brackets behind the pile.":
            lambda images, labels, label: images[labels == label].sum((1, 2)).argmax(),
        "this is how much light the boldest has. The image itself is wanted: argmax tells its place.":
            lambda images, labels, label: images[labels == label].sum((1, 2)).max(),
        "you took the image with the brightest single pixel. All its pixels together should count: their sum.":
            lambda images, labels, label: images[labels == label][images[labels == label].flatten(1).amax(1).argmax()],
        "you took the image with the most pixels that are not black. Light counts here: a grey pixel less than a white "
        "one.":
            lambda images, labels, label: images[labels == label][(images[labels == label] > 0).sum((1, 2)).argmax()],
        "a place is asked for that does not exist (IndexError). Does argmax look at one number for each image, the "
        "light? And are these the lights of the same pile from which you then take the image?":
            lambda images, labels, label: images[labels == label][images[labels == label].argmax()],
        "all images with this label come back: the boldest one of them is wanted.":
            lambda images, labels, label: images[labels == label],
        "this is simply the first image with this label.": lambda images, labels, label: images[labels == label][0],
        "one axis too many is left: give argmax's place itself, without a list or a colon around it.":
            lambda images, labels, label: images[labels == label][
                [images[labels == label].sum((1, 2)).argmax().item()]],
    },
    right="A place is worth nothing without its pile: after a mask, the counting starts anew.")
def boldest(images, labels, label):
    light = images.sum((1, 2)).masked_fill(labels != label, -1)
    return images[light.argmax()]


def filled_by_28(images: Tensor) -> Tensor:
    """A sheet for images of 28 columns, filled one by one."""
    sheet = torch.zeros(images.shape[1], 28 * len(images), dtype=images.dtype)
    for k, image in enumerate(images):
        sheet[:, 28 * k:28 * (k + 1)] = image
    return sheet


@compared(
    cases=lambda: [(pile(3),), (pile(4, 2, 3),), (pile(1, 5, 7),), (pile(5, 5, 5),), (torch.arange(12).view(3, 2, 2),),
                   (torch.tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),)],
    hints=["torch.cat puts tensors one behind the other along axis 0. It takes the number of another axis as its "
           "second input.",
           "torch.cat wants a list of images, and a for loop, or list(...), takes a pile apart into its images. Which "
           "axis of one image runs to the right?"],
    mistakes={
        "the shape is right and the picture is scrambled: view and reshape never move a number, they only cut the long "
        "row of numbers at other places. The first row of the sheet must hold the first row of each image.":
            lambda images: images.reshape(images.shape[1], -1),
        "the images lie below one another, not side by side: they were joined along the rows.":
            lambda images: images.flatten(0, 1),
        "the order is reversed: the first image belongs to the left.":
            lambda images: torch.cat(list(images.flip(0)), 1),
        "the images are put beside one another column by column, and so mixed: the whole of the first image comes "
        "first.":
            lambda images: images.permute(1, 2, 0).flatten(1),
        "the sheet lies on its side: rows and columns have changed places.":
            lambda images: torch.cat(list(images), 1).T,
        "each image is one long row here, below one another: that is flatten(1).": lambda images: images.flatten(1),
        "it works for some sizes, and ends with an error for others. Is a length written into your code, 28 or 3? Ask "
        "images.shape for it.": filled_by_28,
        "the picture is right, but whole numbers have become floats: torch.zeros makes floats. Give it "
        "dtype=images.dtype.": lambda images: contact_sheet(images).float(),
        "this is still the pile: three axes, (images, rows, columns). The sheet has two.": lambda images: images,
    },
    right="The same numbers and the same shape can be different pictures: order counts.")
def contact_sheet(images):
    return images.permute(1, 0, 2).flatten(1)


@compared(
    cases=lambda: [(byte_pile(),), (byte_pile()[0],), (byte_pile(2, 5, 7),), (torch.arange(6).to(torch.uint8),),
                   (byte_pile()[:0],), (torch.tensor([[254, 255], [0, 7]], dtype=torch.uint8),)],
    hints=["Python's % gives what is left over by a division: 201 % 2 is 1, and 200 % 2 is 0. It works elementwise.",
           "The bytes are whole numbers: keep them so until you know who is odd, and make floats at the end."],
    mistakes={
        "it is inside out: odd bytes are white (1.), even ones black (0.).": lambda images: (images % 2 == 0).float(),
        "this finds bright pixels, and so the digit that everybody sees. The other one is not in how bright a byte is, "
        "but in whether it is odd.": lambda images: (images > 127).float(),
        "this finds all pixels that are not black. Ask for the odd ones.": lambda images: (images > 0).float(),
        "this finds only those bytes that are exactly 1. All odd ones count: 1, 3, 5 and so on.":
            lambda images: (images == 1).float(),
        "you divided by 255 first, and shares between 0 and 1 are neither odd nor even. Ask the bytes themselves.":
            lambda images: images / 255 % 2,
        "this is the opposite: the picture without what was hidden in it. What is left over is wanted.":
            lambda images: (images - images % 2).float(),
        "this is half of each byte. What is left over when it is halved is wanted: % and not //.":
            lambda images: (images // 2).float(),
        "this is half of each byte, and halves have nothing left over. The remainder is wanted: % and not /.":
            lambda images: images / 2,
        "everything comes out as 0, as if each byte were even. With / nothing is ever left over, for it gives halves "
        "as well; % gives the remainder.": lambda images: torch.zeros_like(images).float(),
        "odd bytes come out as 255. As floats, white is 1.": lambda images: (images % 2).float() * 255,
    },
    right="Now look: show_images(reveal(postcard)). It is the year of the article that made these digits known.")
def reveal(images):
    return torch.tensor([0., 1.]).repeat(128)[images.long()]
