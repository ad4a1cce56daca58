"""The stored ladder is what the code computes, its claims hold, and the README shows its numbers.

    pytest tests/test_benchmarks.py                          with the bundled digits
    MNIST_ROOT=folder pytest tests/test_benchmarks.py        with MNIST's full 3s and 7s, too
"""
import json
import os
import re
import statistics

import pytest

from tools.benchmarks import ladder
from tools.notebooks import ROOT

STORED = json.loads(ladder.RESULTS.read_text(encoding="utf-8"))
L1, L2, LINEAR, WIGGLED_LINEAR, NET, WIGGLED_NET = RUNGS = ladder.RUNGS
full = pytest.mark.skipif(not os.environ.get("MNIST_ROOT"), reason="MNIST_ROOT does not name the full digits")


@pytest.mark.parametrize("name", ladder.SIMILARITY)
def test_pixel_similarity_is_what_is_stored(name):
    assert STORED["bundled"]["right"][name] == [ladder.nearer(name, "bundled").sum()]


@pytest.mark.parametrize("name, seed", [(LINEAR, 0), (LINEAR, 7), (NET, 0), (NET, 7), (WIGGLED_LINEAR, 3),
                                        (WIGGLED_NET, 9)])
def test_training_again_gives_what_is_stored(name, seed):
    assert STORED["bundled"]["right"][name][seed] == ladder.train_rung(name, "bundled", seed).sum()


@pytest.mark.parametrize("dataset, train, valid", [("bundled", 500, 500), ("full", 12_396, 2_038)])
def test_stored_rungs_and_their_intervals(dataset, train, valid):
    stored = STORED[dataset]
    assert (stored["train"], stored["valid"]) == (train, valid)
    assert list(stored["right"]) == list(ladder.summary(dataset)) == RUNGS
    for name, (mean, half) in ladder.summary(dataset).items():
        counts = stored["right"][name]
        assert len(counts) == (1 if name.startswith("pixel") else 10)
        assert mean == pytest.approx(sum(counts) / len(counts) / valid)
        spread = statistics.stdev(counts) / valid if len(counts) > 1 else 0
        assert half == pytest.approx(2.2622 * spread / 10 ** .5, rel=1e-3)
    right = stored["right"] | stored["control"]
    for pair, found in stored["compared"].items():
        a, b = (right[name] for name in pair.split(" – "))
        b = b * len(a) if len(b) == 1 else b                            # pixel similarity has no seeds
        mean, half = ladder.interval([(p - q) / valid for p, q in zip(a, b, strict=True)])
        assert (found["difference"], found["over seeds"]) == pytest.approx((mean, half), abs=1e-5)


def differs(dataset, a, b):
    """A – B as stored, or 0 where one of its intervals, over the seeds or over the digits, holds 0."""
    difference, seeds, digits = STORED[dataset]["compared"][f"{a} – {b}"].values()
    return difference if abs(difference) > max(seeds, digits) else 0


@pytest.mark.parametrize("dataset", ["bundled", "full"])
def test_with_wiggled_digits_the_net_beats_all_others(dataset):
    assert differs(dataset, WIGGLED_NET, NET) > 0
    assert differs(dataset, WIGGLED_NET, LINEAR) > 0
    assert differs(dataset, WIGGLED_NET, "ReLU net, as long") > 0            # the wiggle, not the longer training
    assert differs(dataset, WIGGLED_LINEAR, LINEAR) == 0                # it has no use for the variety


def test_the_net_ties_with_few_digits_and_wins_with_many():
    assert differs("bundled", NET, LINEAR) == 0
    assert differs("full", NET, LINEAR) > 0


def test_trained_models_beat_pixel_similarity():
    for dataset in ("bundled", "full"):
        mean = {name: pair[0] for name, pair in ladder.summary(dataset).items()}
        assert mean[L1] < mean[L2] < min(mean[name] for name in ladder.TRAINED)


def test_full_ladder_reaches_what_the_course_promises():
    mean = {name: pair[0] for name, pair in ladder.summary("full").items()}
    assert round(mean[L1], 4) == .9514
    assert round(mean[L2], 4) == .9661
    assert mean[LINEAR] >= .982
    assert mean[NET] >= .990
    assert mean[WIGGLED_NET] >= .9975 > ladder.BOOK["ResNet-18"]


@full
def test_pixel_similarity_on_the_full_digits():
    is_3 = ladder.data("full")[3][:, 0] > .5
    l1, l2 = (ladder.nearer(name, "full").double() for name in ladder.SIMILARITY)
    assert [round(share.mean().item(), 4) for share in (l1, l2, l1[is_3], l1[~is_3])] == [.9514, .9661, .9168, .9854]
    assert [STORED["full"]["right"][name][0] for name in ladder.SIMILARITY] == [l1.sum(), l2.sum()]


@full
def test_training_again_on_the_full_digits_gives_what_is_stored():
    assert STORED["full"]["right"][LINEAR][0] == ladder.train_rung(LINEAR, "full", 0).sum()


def cells(text):
    """The table rows of a README that start with a rung's name, without bold: {name: [bundled, full, the book]}."""
    rows = [[cell.strip(" *") for cell in line.strip().strip("|").split("|")] for line in text.splitlines()
            if line.lstrip().startswith("|")]
    return {row[0]: [cell.replace("*", "") for cell in row[1:]] for row in rows if row[0] in RUNGS}


def disagreements(text):
    """What a README's table says otherwise than the stored results, to the digits that it shows."""
    found = []
    for name, (bundled, full_digits, book) in cells(text).items():
        for dataset, cell in (("bundled", bundled), ("full", full_digits)):
            values = ladder.accuracies(dataset)[name]
            expected = [statistics.mean(values)] + ([statistics.stdev(values)] if len(values) > 1 else [])
            shown = [number.lstrip("0") for number in re.findall(r"\d*\.\d+", cell)]
            if shown != [f"{value:.{len(digits) - 1}f}".lstrip("0") for value, digits in zip(expected, shown)] \
                    or len(shown) != len(expected):
                found.append(f"{name}, {dataset}: {cell!r}, computed {expected}")
        quoted = "ResNet-18" if "ResNet-18" in book else name
        if [float(number) for number in re.findall(r"\.\d+", book)] != [ladder.BOOK[n] for n in [quoted] if n in ladder.BOOK]:
            found.append(f"{name}, the book: {book!r}")
    return found


def test_the_readme_shows_the_stored_ladder():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sorted(cells(text)) == sorted(RUNGS), "the README's ladder should have one row for each rung"
    assert disagreements(text) == []


def test_the_readme_check_sees_a_wrong_number():
    assert disagreements("| pixel similarity, L1 | .954 | .9514 | .9511 |") == []
    assert len(disagreements("| pixel similarity, L1 | .955 | .951 | .9514 |")) == 2
    assert len(disagreements("| pixel similarity, L2 | .974 ± .001 | .9661 | .97 |")) == 2
    mean, spread = (f(ladder.accuracies("full")[NET]) for f in (statistics.mean, statistics.stdev))
    row = "| **ReLU net** | .981 ± .001 | **%.4f ± %.4f** | .9828 |"
    assert disagreements(row % (mean, spread)) == []
    assert len(disagreements(row % (mean, spread + .0001))) == 1


SPEED = {  # what stands in the README's table, and where speed.txt says it
    "first picture from a fresh kernel, as a share of fastai's way to its own": r"ours takes (\d+%) of fastai's route",
    "one epoch of the net, times as fast as fastai's `Learner`":
        r"one epoch of the net, 12,396 digits, \d threads[\s\S]*?\nours is ([\d.]+) times as fast",
    "the same epoch, times as long as its bare matrix products":
        r"one epoch of the net, 12,396 digits, \d threads[\s\S]*?\nours is .* takes ([\d.]+) times as long",
    "cost of a digit from 500 to 60,000 of them, cheapest to dearest": r"the cost of a digit: (\d+%)"}


def test_the_readme_quotes_the_stored_times():
    told = (ROOT / "benchmarks" / "speed.txt").read_text("utf8")
    table = re.findall(r"^\| (.+) \| ([\d.]+%?) \| .+ \|$", (ROOT / "README.md").read_text("utf8"), re.M)
    assert {name: re.search(pattern, told)[1] for name, pattern in SPEED.items()} == dict(table[-len(SPEED):])
