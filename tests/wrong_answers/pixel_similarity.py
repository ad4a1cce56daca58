import torch
import torch.nn.functional as F

from tests.wrong_answers import wrong


def l1(a, b):
    return (a - b).abs().mean((-1, -2))


def l2(a, b):
    return (a - b).square().mean((-1, -2)).sqrt()


# ---------------------------------------------------------------- precision

@wrong("you ask how many of the 3s were found")
def precision(says_3, is_3):
    if not is_3.any():
        return 0.
    return (says_3 & is_3).sum() / is_3.sum()


@wrong("you ask how many of the 3s were found")
def precision(says_3, is_3):
    return says_3[is_3].float().mean()


@wrong("this is the accuracy")
def precision(says_3, is_3):
    if len(is_3) == 0:
        return torch.tensor(0.)
    return (says_3 == is_3).float().mean()


@wrong("When nothing was, 0 is divided by 0")
def precision(says_3, is_3):
    return (says_3 & is_3).sum() / says_3.sum()


@wrong("it divides by 0 and ends with an error")
def precision(says_3, is_3):
    return (says_3 & is_3).sum().item() / says_3.sum().item()


@wrong("you divide by the number of all digits")
def precision(says_3, is_3):
    right = 0
    for said, so in zip(says_3.tolist(), is_3.tolist()):
        if said and so:
            right += 1
    return right / max(len(says_3), 1)


@wrong("put .float() in front")
def precision(says_3, is_3):
    return is_3[says_3].mean() if says_3.any() else 0.


@wrong("a count. The share")
def precision(says_3, is_3):
    return is_3[says_3].sum()


@wrong("72.73 comes out where 0.7273 is wanted")
def precision(says_3, is_3):
    return 100 * is_3[says_3].float().mean() if says_3.any() else torch.tensor(0.)


@wrong("a count. The share")
def precision(says_3, is_3):
    count = 0
    for said, so in zip(says_3, is_3):
        if said and so:
            count += 1
    return count


@wrong("too small: test for 0 first")
def precision(says_3, is_3):
    called = 1
    hits = 0
    for said, so in zip(says_3, is_3):
        called += said.item()
        hits += (said & so).item()
    return hits / called


@wrong("0.5714 comes out where 0.7273 is wanted")
def precision(says_3, is_3):
    if not says_3.any():
        return 0.
    of_called, of_3s = is_3[says_3].float().mean(), says_3[is_3].float().mean()
    return (2 * of_called * of_3s / (of_called + of_3s)).nan_to_num(0)


# ---------------------------------------------------------------- l1_table

@wrong("each image was compared with one template only")
def l1_table(images, templates):
    return l1(images, templates)


@wrong("images run down, templates across")
def l1_table(images, templates):
    return torch.stack([l1(images, template) for template in templates])


@wrong("these are L2 distances")
def l1_table(images, templates):
    return l2(images[:, None], templates[None])


@wrong("these are sums")
def l1_table(images, templates):
    return torch.cdist(images.flatten(1), templates.flatten(1), p=1)


@wrong("one number came out for everything")
def l1_table(images, templates):
    return F.l1_loss(images[:, None].expand(-1, len(templates), -1, -1), templates.expand(len(images), -1, -1, -1))


@wrong("the absolute value comes too late")
def l1_table(images, templates):
    return (images.mean((1, 2))[:, None] - templates.mean((1, 2))).abs()


@wrong("an axis of length 1 is too many or missing")
def l1_table(images, templates):
    return l1(images[:, None], templates)[..., None]


@wrong("only the columns are gone")
def l1_table(images, templates):
    return (images[:, None] - templates).abs().mean(3)


@wrong("a list comes back where a tensor of shape (3, 3) is wanted")
def l1_table(images, templates):
    return [[l1(image, template).item() for template in templates] for image in images]


@wrong("0.0 comes out at place")
def l1_table(images, templates):
    table = torch.zeros(len(images), len(templates))
    for k in range(min(len(images), len(templates))):
        table[k, k] = l1(images[k], templates[k])
    return table


@wrong("it is right for other inputs, but with a tensor of shape (4, 5, 7)")
def l1_table(images, templates):
    return (images[:, None] - templates).abs().sum((-1, -2)) / 784


# ---------------------------------------------------------------- pixel_accuracy

@wrong("the truth was matched with the columns")
def pixel_accuracy(images, is_3):
    says_3 = images > .5
    return (says_3 == is_3).float().mean(0)


@wrong("the truth was matched with the rows")
def pixel_accuracy(images, is_3):
    return ((images > .5) == is_3[:, None]).float().mean(dim=0)


@wrong("Whether that was right has not been asked")
def pixel_accuracy(images, is_3):
    return (images > .5).float().mean(0)


@wrong("one number for each pixel is wanted")
def pixel_accuracy(images, is_3):
    return torch.stack([((image > .5) == yes).float().mean() for image, yes in zip(images, is_3)])


@wrong("Their share is wanted")
def pixel_accuracy(images, is_3):
    counts = torch.zeros(images.shape[1:], dtype=torch.long)
    for image, yes in zip(images, is_3):
        counts += (image > .5) == yes
    return counts


@wrong("It should say 3 only above .5")
def pixel_accuracy(images, is_3):
    return ((images > 0) == is_3[:, None, None]).float().mean(0)


@wrong("a pixel of exactly .5 says 3 here")
def pixel_accuracy(images, is_3):
    return torch.stack([(image >= .5) == yes for image, yes in zip(images, is_3)]).float().mean(0)


@wrong("you looked at the 3s alone")
def pixel_accuracy(images, is_3):
    return (images > .5)[is_3].float().mean(0)


@wrong("this is the mean of two shares")
def pixel_accuracy(images, is_3):
    lit = (images > .5).float()
    return (lit[is_3].mean(0) + (1 - lit[~is_3]).mean(0)) / 2


@wrong("comes out at place")
def pixel_accuracy(images, is_3):
    return 1 - (images - is_3[:, None, None].float()).abs().mean(0)


@wrong("put .float() in front")
def pixel_accuracy(images, is_3):
    return ((images > .5) == is_3[:, None, None]).mean(0)


# ---------------------------------------------------------------- nearest_label

@wrong("these are places, not labels")
def nearest_label(images, known_images, known_labels):
    return torch.tensor([l2(known_images, image).argmin() for image in images], dtype=torch.long)


@wrong("not of the nearest")
def nearest_label(images, known_images, known_labels):
    return known_labels[[l2(known_images, image).argmax().item() for image in images]]


@wrong("you compare with the mean image of each label")
def nearest_label(images, known_images, known_labels):
    answers = []
    for image in images:
        best = {}
        for label in known_labels.unique().tolist():
            best[label] = l2(known_images[known_labels == label].mean(0), image).item()
        answers.append(min(best, key=best.get))
    return torch.tensor(answers, dtype=torch.long)


@wrong("you measured in L1")
def nearest_label(images, known_images, known_labels):
    return known_labels[[l1(known_images, image).argmin().item() for image in images]]


@wrong("you measured in L1")
def nearest_label(images, known_images, known_labels):
    table = (images[:, None] - known_images).abs().sum((-1, -2))
    return known_labels[table.argmin(1)]


@wrong("you went the other way")
def nearest_label(images, known_images, known_labels):
    return known_labels[torch.cdist(images.flatten(1), known_images.flatten(1)).argmin(0)]


@wrong("the first should count")
def nearest_label(images, known_images, known_labels):
    answers = []
    for image in images:
        nearest = 9.
        for known, label in zip(known_images, known_labels):
            if l2(known, image) <= nearest:
                nearest, answer = l2(known, image), label.item()
        answers.append(answer)
    return torch.tensor(answers, dtype=torch.long)


@wrong("a list comes back where a tensor of shape (12,) is wanted")
def nearest_label(images, known_images, known_labels):
    return [known_labels[l2(known_images, image).argmin()].item() for image in images]


@wrong("your result holds floats, and whole numbers are wanted")
def nearest_label(images, known_images, known_labels):
    answers = torch.zeros(len(images))
    for k, image in enumerate(images):
        answers[k] = known_labels[l2(known_images, image).argmin()]
    return answers


@wrong("only the label of the first image came out")
def nearest_label(images, known_images, known_labels):
    for image in images:
        place = l2(known_images, image).argmin()
        return known_labels[place]


@wrong("only the label of the first image came out, in a row")
def nearest_label(images, known_images, known_labels):
    answers = []
    for image in images:
        answers.append(known_labels[l2(known_images, image).argmin()].item())
        return torch.tensor(answers)


@wrong("several near images vote here")
def nearest_label(images, known_images, known_labels):
    answers = []
    for image in images:
        near = l2(known_images, image).argsort()[:3]
        answers.append(known_labels[near].mode().values)
    return torch.stack(answers)


@wrong("differences with a sign cancel")
def nearest_label(images, known_images, known_labels):
    return torch.stack([known_labels[(known_images - image).sum((1, 2)).argmin()] for image in images])


@wrong("counts through the distances of all images")
def nearest_label(images, known_images, known_labels):
    return known_labels[torch.cdist(images.flatten(1), known_images.flatten(1)).argmin()]


@wrong("argmin() has no axis")
def nearest_label(images, known_images, known_labels):
    distances = l2(images[:, None], known_images)
    return known_labels[distances.argmin() % len(known_labels)]


@wrong("Two shapes do not fit together")
def nearest_label(images, known_images, known_labels):
    return known_labels[l2(images, known_images).argmin()]


@wrong("you went the other way")
def nearest_label(images, known_images, known_labels):
    return known_labels[l2(images[:, None], known_images).argmin(0)]


# ---------------------------------------------------------------- my_distance

@wrong("it gives the same answer as L2 for each of the 500 digits")
def my_distance(a, b):
    return (a - b).square().sum((-1, -2))


@wrong("it gives the same answer as L1")
def my_distance(a, b):
    return l1(a, b)


@wrong("far fewer than a coin")
def my_distance(a, b):
    return F.cosine_similarity(a.flatten(1), b.flatten()[None])


@wrong("489 are wanted")
def my_distance(a, b):
    return 1 - F.cosine_similarity(a.flatten(1), b.flatten()[None])


@wrong("489 are wanted")
def my_distance(a, b):
    return ((a > .5) != (b > .5)).float().mean((-1, -2))


@wrong("rows and columns disappear, the images stay")
def my_distance(a, b):
    return (a - b).square().mean().sqrt()


@wrong("Does your function look at b")
def my_distance(a, b):
    return l2(a, torch.zeros(28, 28))


@wrong("Does your function look at a")
def my_distance(a, b):
    return b.mean().expand(len(a))


@wrong("True and False come back")
def my_distance(a, b):
    return l2(a, b) < .25


@wrong("the digits beside it in the pile")
def my_distance(a, b):
    return l2(a - a.mean(0), b)


@wrong("nan comes out")
def my_distance(a, b):
    return ((a - b) ** 1.5).mean((-1, -2))


@wrong("it gives the same answer for each digit")
def my_distance(a, b):
    return (a - b).mean((-1, -2))


@wrong("your code changes the images")
def my_distance(a, b):
    a[a < .5] = 0
    return l2(a, b)


@wrong("489 are wanted")
def my_distance(a, b):
    a, b = [F.avg_pool2d(images[None], 5, 1, padding=2)[0] for images in (a, b[None])]
    return l2(a, b)


@wrong("a list comes back")
def my_distance(a, b):
    return [l2(image, b) for image in a]


@wrong("one digit short")
def my_distance(a, b):
    return l2(a ** .8, b)


# ---------------------------------------------------------------- right answers, in other styles than the solution

RIGHT = []


def right(answer):
    RIGHT.append(answer)
    return answer


@right
def precision(says_3, is_3):
    if says_3.sum() == 0:
        return 0
    return (says_3 & is_3).sum() / says_3.sum()


@right
def precision(says_3, is_3):
    if not says_3.any():
        return torch.tensor(0)
    return is_3[says_3].float().mean()


@right
def precision(says_3, is_3):
    called = hits = 0
    for said, so in zip(says_3.tolist(), is_3.tolist()):
        if said:
            called += 1
            if so:
                hits += 1
    if called == 0:
        return 0
    return hits / called


@right
def l1_table(images, templates):
    return torch.stack([torch.stack([l1(image, template) for template in templates]) for image in images])


@right
def l1_table(images, templates):
    return torch.stack([l1(templates, image) for image in images])


@right
def pixel_accuracy(images, is_3):
    _, rows, columns = images.shape
    accuracies = torch.zeros(rows, columns)
    for row in range(rows):
        for column in range(columns):
            accuracies[row, column] = ((images[:, row, column] > .5) == is_3).float().mean()
    return accuracies


@right
def nearest_label(images, known_images, known_labels):
    answers = []
    for image in images:
        answers.append(known_labels[l2(known_images, image).argmin()])
    return torch.stack(answers)


@right
def nearest_label(images, known_images, known_labels):
    return torch.tensor([known_labels[l2(known_images, image).argmin()].item() for image in images])


@right
def my_distance(a, b):
    return torch.stack([l2(a, b), l2(a.roll(1, -1), b), l2(a.roll(-1, -1), b), l2(a.roll(1, -2), b),
                        l2(a.roll(-1, -2), b)]).amin(0)
