import torch

from tests.wrong_answers import wrong


@wrong("one number came out for the whole pile")
def ink(images):
    return (images > 0).sum() / images.numel()


@wrong("you averaged over the images too early")
def ink(images):
    return (images != 0).float().mean(dim=0)


@wrong("A grey pixel counts as much as a white one")
def ink(images):
    return torch.stack([image.mean() for image in images]) if len(images) else torch.zeros(0)
