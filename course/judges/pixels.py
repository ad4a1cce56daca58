"""The exercises of the notebook about pixels."""
import torch
from torch import Tensor

from course.exercises import compared, stack_of_images


def some_bytes(least: int = 3, most: int = 3, size: int = 1, empty: float = 0) -> Tensor:
    """Random bytes, with least to most axes of length size to 5; `empty`: how often a stack has no images."""
    shape = torch.randint(size, 6, (int(torch.randint(least, most + 1, ())),)).tolist()
    images = torch.where(torch.rand(shape) < .5, torch.randint(256, shape), torch.tensor([0, 1, 255])[torch.randint(3, shape)])
    return images[:0 if len(shape) > 2 and torch.rand(()) < empty else None].to(torch.uint8)


@compared(
    cases=lambda: [(torch.tensor([[[0., 1.], [0., .5]]]),), (stack_of_images(3),)],
    random=lambda: (some_bytes() / 255,),
    mistakes={
        "mean light": lambda images: images.mean((1, 2)),
        "784": lambda images: (images > 0).float().sum((1, 2)) / 784})
def ink(images):
    return (images > 0).float().mean((1, 2))


@compared(
    cases=lambda: [(torch.tensor([0, 100, 200], dtype=torch.uint8), 100)],
    random=lambda: (some_bytes(1, 4, empty=.3), int(torch.randint(-300, 301, ()))),
    mistakes={
        "wrapped around": lambda images, by: (images.int() + by).to(torch.uint8)})
def brighten(images, by):
    return (images.int() + by).clamp(0, 255).to(torch.uint8)


def painted(images: Tensor, *indices) -> Tensor:
    """A copy of images that is grey at these indices."""
    images = images.clone()
    for index in indices:
        images[index] = .5
    return images


@compared(
    cases=lambda: [(torch.zeros(3, 4),), (stack_of_images(3),)],
    random=lambda: (some_bytes(2, 4, size=2, empty=.3) / 255,),
    mistakes={
        "rows of the stack": lambda images: painted(images, 0, -1, (..., 0), (..., -1)),
        "nothing painted": lambda images: images.clone()})
def framed(images):
    return painted(images, (..., 0), (..., -1), (..., 0, slice(None)), (..., -1, slice(None)))


def labelled() -> tuple[Tensor, Tensor, int]:
    """Images, labels, and a label that occurs; now and then all images with it are black."""
    images = some_bytes(size=2) / 255
    labels = torch.randint(2, (len(images),))
    label = labels[torch.randint(len(labels), ())].item()
    return images * (labels != label)[:, None, None] if torch.rand(()) < .2 else images, labels, label


@compared(
    cases=lambda: [(torch.tensor([[[9., 9.]], [[1., 2.]], [[3., 1.]]]), torch.tensor([7, 3, 3]), 3)],
    random=labelled, tries=40,
    mistakes={
        "index of another stack": lambda images, labels, label: images[images[labels == label].sum((1, 2)).argmax()],
        "boldest of all": lambda images, labels, label: images[images.sum((1, 2)).argmax()]})
def boldest(images, labels, label):
    mine = images[labels == label]
    return mine[mine.sum((1, 2)).argmax()]


@compared(
    cases=lambda: [(torch.tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),), (stack_of_images(3),)],
    random=lambda: (some_bytes().to((torch.uint8, torch.int64, torch.float32)[torch.randint(3, ())]),),
    mistakes={
        "reshaped": lambda images: images.reshape(images.shape[1], -1),
        "stacked": lambda images: torch.stack(list(images), 1),
        "below one another": lambda images: images.flatten(0, 1)})
def contact_sheet(images):
    return torch.cat(list(images), 1)


@compared(
    cases=lambda: [(torch.tensor([[254, 255], [0, 7]], dtype=torch.uint8),)],
    random=lambda: (some_bytes(1, 4, empty=.3),),
    mistakes={
        "bright pixels": lambda images: (images > 127).float()})
def reveal(images):
    return (images % 2).float()
