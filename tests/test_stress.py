"""The stored stress curves are what the code computes, notebook 09 shows the same code, and its claims hold.

    pytest tests/test_stress.py                          with the bundled digits
    MNIST_ROOT=folder pytest tests/test_stress.py        with MNIST's full 3s and 7s, too: a minute more
"""
import ast
import difflib
import json
import os
import statistics

import nbformat
import pytest
import torch
import torch.nn.functional as F

from tools.benchmarks import stress
from tests.test_utils import definitions
from tools.notebooks import ROOT

BOOK = nbformat.read(ROOT / "notebooks" / "09_where_it_fails.ipynb", as_version=4)
CODE = [cell.source for cell in BOOK.cells if cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", [])]
STORED = json.loads(stress.RESULTS.read_text(encoding="utf-8"))
TEMPLATE, LINEAR, WIGGLED_LINEAR, NET, LONG_NET, WIGGLED_NET, CONV, WIGGLED_CONV = stress.MODELS
PERMUTED = "permuted, then shifted by 0, 2 and 4"
full = pytest.mark.skipif(not os.environ.get("MNIST_ROOT"), reason="MNIST_ROOT does not name the full digits")
each_dataset = pytest.mark.parametrize("dataset", ["bundled", "full"])


# ---------------------------------------------------------------- the same code

HERE = definitions((ROOT / "benchmarks" / "stress.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["shifted", "scaled", "noisy", "inverted", "stepped", "new_conv_net"])
def test_the_notebook_and_the_benchmark_define_the_same_function(name):
    there = [definitions(source)[name] for source in CODE if name in definitions(source)]
    assert len(there) == 1, f"notebook 09 should define {name} once"
    assert there[0] == HERE[name], "\n".join(difflib.unified_diff(there[0].splitlines(), HERE[name].splitlines(),
                                                                  "notebook 09", "stress.py", lineterm=""))


def test_the_notebook_and_the_benchmark_permute_and_train_alike():
    order = next(ast.unparse(node.value) for source in CODE for node in ast.parse(source).body
                 if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "order")
    assert order == HERE["new_order"].partition("return ")[2]
    knobs, settings = {}, STORED["bundled"]["settings"]
    exec(next(cell.source for cell in BOOK.cells if "parameters" in cell.metadata.get("tags", [])), knobs)
    assert settings["plain"] == dict(batch_size=knobs["batch_size"], epochs=knobs["epochs"], lr=knobs["lr"], falling=False)
    assert settings["wiggled"] == dict(batch_size=knobs["batch_size"], epochs=knobs["wiggle_epochs"], lr=knobs["wiggle_lr"],
                                       falling=True)


# ---------------------------------------------------------------- the functions

IMAGES = torch.rand(5, 28, 28, generator=torch.Generator().manual_seed(1))


def test_shifts_move_in_four_directions_and_leave_black_behind():
    for k in (0, 1, 3, 6):
        right, left, down, up = stress.shifted(IMAGES, k).split(5)
        n = 28 - k
        for moved, new, old in ((right, (..., slice(k, 28)), (..., slice(0, n))),
                                (left, (..., slice(0, n)), (..., slice(k, 28))),
                                (down, (slice(None), slice(k, 28)), (slice(None), slice(0, n))),
                                (up, (slice(None), slice(0, n)), (slice(None), slice(k, 28)))):
            assert torch.equal(moved[new], IMAGES[old])
            assert moved.sum().item() == pytest.approx(IMAGES[old].sum().item(), rel=1e-5), "the rest is black"


def test_scaling_changes_the_size_and_not_the_middle():
    disc = ((torch.arange(28.) - 13.5) ** 2 + (torch.arange(28.)[:, None] - 13.5) ** 2 < 64).float()[None]
    for size in (.5, .8, 1., 1.3):
        found = stress.scaled(disc, size)[0]
        assert found.sum().item() == pytest.approx(disc.sum().item() * size ** 2, rel=.05)
        assert torch.allclose(found, found.flip(0), atol=1e-4) and torch.allclose(found, found.T, atol=1e-4)
    assert torch.allclose(stress.scaled(IMAGES, 1.), IMAGES, atol=1e-5)


def test_noise_has_its_size_and_inverting_turns_around():
    grey = torch.full((50, 28, 28), .5)
    noise = stress.noisy(grey, .1) - grey
    assert noise.std().item() == pytest.approx(.1, rel=.02) and abs(noise.mean()) < .002
    assert torch.equal(stress.noisy(IMAGES, .3), stress.noisy(IMAGES, .3)) and stress.noisy(IMAGES, 2).max() == 1
    assert torch.equal(stress.noisy(IMAGES, 0), IMAGES) and torch.equal(stress.inverted(IMAGES, 0), IMAGES)
    assert torch.allclose(stress.inverted(IMAGES, 1), 1 - IMAGES) and torch.allclose(stress.inverted(IMAGES, .5), grey[:5])


def test_a_step_makes_each_score_worse_and_moves_no_pixel_further_than_its_size():
    model, y = stress.new_conv_net(3), torch.tensor([1., 0, 1, 0, 0])[:, None]
    before = IMAGES.clone()
    found = stress.stepped(model, IMAGES, y, .01)
    assert torch.equal(IMAGES, before) and not found.requires_grad and 0 <= found.min() and found.max() <= 1
    assert (found - IMAGES).abs().max() <= .01 + 1e-6
    change = (model(found.flatten(1)) - model(IMAGES.flatten(1))).detach()
    assert ((change < 0) == (y == 1)).all()
    assert all(p.grad is None for p in model.parameters()), "the parameters get no gradients"


# ---------------------------------------------------------------- what is stored

@each_dataset
def test_everything_is_stored_with_the_settings_of_today(dataset):
    found = STORED[dataset]
    assert (found["train"], found["valid"]) == {"bundled": (500, 500), "full": (12_396, 2_038)}[dataset]
    assert found["strengths"] == stress.STRENGTHS, "measured at other strengths: measure again"
    assert {key: found["settings"][key] for key in ("plain", "wiggled")} == stress.SETTINGS[dataset]
    for kind, rows in found["accuracy"].items():
        assert list(rows) == stress.MODELS
        for name, seeds in rows.items():
            assert len(seeds) == (1 if name == TEMPLATE else len(stress.SEEDS))
            assert all(len(values) == len(stress.STRENGTHS[kind]) and 0 <= min(values) <= max(values) <= 1 for values in seeds)
    assert list(found[PERMUTED]) == stress.PERMUTED
    at_rest = {"shift": 0, "scale": 1, "noise": 0, "invert": 0, "step": 0}
    for name in stress.MODELS:                                          # undisturbed is undisturbed, whatever the kind
        values = [[seed[stress.STRENGTHS[kind].index(size)] for seed in found["accuracy"][kind][name]]
                  for kind, size in at_rest.items()]
        assert all(one == values[0] for one in values), name


@pytest.mark.parametrize("name, seed", [(TEMPLATE, 0), (LINEAR, 1), (NET, 2)])
def test_training_again_gives_the_curves_that_are_stored(name, seed):
    """Within half a point: a digit or two of 500 may differ on another kind of processor."""
    for kind, values in stress.curves(stress.trained(name, "bundled", seed), "bundled").items():
        assert values == pytest.approx(STORED["bundled"]["accuracy"][kind][name][seed], abs=.005), kind


def test_training_a_permuted_net_again_gives_what_is_stored():
    order = stress.new_order()
    vx, vy = stress.data("bundled")[2:]
    model = stress.trained(NET, "bundled", 0, order)
    found = [stress.accuracy_on(model, stress.shifted(vx.view(-1, 28, 28), k), vy, order) for k in (0, 2, 4)]
    assert found == pytest.approx(STORED["bundled"][PERMUTED][NET][0], abs=.005)
    assert sorted(order.tolist()) == list(range(784))


def test_permuting_the_pixels_and_the_weights_alike_changes_no_score():
    order, (vx, _) = stress.new_order(), stress.data("bundled")[2:]
    model = stress.trained(NET, "bundled", 0)
    scores = model(vx)
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight[:, order])
    assert torch.allclose(model(vx[:, order]), scores, atol=1e-4)


def test_the_mean_over_seeds_is_what_the_notebook_reads():
    seeds = STORED["full"]["accuracy"]["shift"][NET]
    assert stress.stored("full", "shift")[NET][2] == pytest.approx(statistics.mean(values[2] for values in seeds))
    assert list(stress.stored("bundled", "permuted")) == stress.PERMUTED
    assert stress.stored("bundled", "permuted")[CONV][1] == pytest.approx(
        statistics.mean(values[1] for values in STORED["bundled"][PERMUTED][CONV]))


# ---------------------------------------------------------------- the plan's numbers, on the full digits

# Shifted right by 2 and by 4; permuted; a step of .1 from the linear model. How far one training may be from another:
# a standard error on 2,038 digits is .003 for accuracies near .98, .01 near .75.
PLANNED = {"shifted right by 2 and 4": {TEMPLATE: [.950, .793], LINEAR: [.937, .696], NET: [.932, .748]},
           "permuted": {LINEAR: .981, NET: .986}, "step of .1 from the linear model": {LINEAR: .80, NET: .62}}
APART = {"shifted right by 2 and 4": .005, "permuted": .003, "step of .1 from the linear model": .005}


def far_from_planned(found):
    """What is farther from the plan's numbers than it may be."""
    return [f"{what}, {name}: {found[what][name]}, planned {planned}" for what, names in PLANNED.items()
            for name, planned in names.items() if found[what][name] != pytest.approx(planned, abs=APART[what] + 1e-9)]


def test_what_is_stored_is_what_was_planned():
    assert far_from_planned(STORED["full"]["as planned"]) == []


def test_a_number_far_from_the_plan_is_noticed():
    other = json.loads(json.dumps(STORED["full"]["as planned"]))
    other["shifted right by 2 and 4"][NET][1] += .012
    other["permuted"][LINEAR] -= .005
    assert len(far_from_planned(other)) == 2


@full
def test_the_template_shifted_on_the_full_digits():
    vx, vy = stress.data("full")[2:]
    model, images = stress.trained(TEMPLATE, "full", 0), vx.view(-1, 28, 28)
    assert round(stress.accuracy_on(model, images, vy), 4) == .9661
    found = [stress.accuracy_on(model, F.pad(images, (k, -k, 0, 0)), vy) for k in (2, 4)]
    assert found == pytest.approx([.950, .793], abs=.001)
    for kind, values in stress.curves(model, "full").items():
        assert values == pytest.approx(STORED["full"]["accuracy"][kind][TEMPLATE][0], abs=.001), kind


@full
def test_training_again_on_the_full_digits_gives_what_was_planned_and_stored():
    found = stress.as_planned("full")
    assert far_from_planned(found) == []
    for what, names in STORED["full"]["as planned"].items():
        assert list(found[what]) == list(names)
        for name, value in names.items():
            assert found[what][name] == pytest.approx(value, abs=.003), (what, name)


# ---------------------------------------------------------------- what the notebook says

def at(dataset, kind, size, name):
    """The stored accuracy, mean over the seeds."""
    return stress.stored(dataset, kind)[name][stress.STRENGTHS[kind].index(size)]


@each_dataset
def test_wiggle_buys_robustness_against_what_it_shows(dataset):
    for kind, size in (("shift", 2), ("shift", 4), ("scale", .7), ("scale", 1.4)):
        for seed, values in enumerate(STORED[dataset]["accuracy"][kind][WIGGLED_NET]):      # with every seed
            place = stress.STRENGTHS[kind].index(size)
            assert values[place] > .04 + STORED[dataset]["accuracy"][kind][NET][seed][place], (kind, size)
    others = max(at(dataset, "shift", 4, name) for name in (TEMPLATE, LINEAR, NET))
    assert at(dataset, "shift", 4, WIGGLED_NET) > .85 > .7 > others


@each_dataset
def test_wiggle_costs_robustness_against_noise_and_grey_paper(dataset):
    for kind, size in (("noise", .3), ("invert", .2)):
        others = min(at(dataset, kind, size, name) for name in (TEMPLATE, LINEAR, NET))
        assert at(dataset, kind, size, WIGGLED_NET) < others - .1
    assert at(dataset, "invert", .2, WIGGLED_NET) < .6
    assert at(dataset, "noise", .3, TEMPLATE) > at(dataset, "noise", 0, TEMPLATE) - .01
    plain = at(dataset, "noise", .3, NET)
    assert at(dataset, "noise", .3, LONG_NET) == pytest.approx(plain, abs=.01)                     # the wiggle, not the time


def test_models_without_wiggle_read_inverted_digits_worse_than_a_coin():
    assert max(at("bundled", "invert", 1, name) for name in (TEMPLATE, LINEAR, NET)) < .35


def test_shifted_by_four_pixels_half_are_right_sideways_most_and_up_and_down_few():
    vx, vy = stress.data("bundled")[2:]
    for name in (TEMPLATE, LINEAR, NET):
        model = stress.trained(name, "bundled", 0)
        right, left, down, up = (stress.accuracy_on(model, images, vy)
                                 for images in stress.shifted(vx.view(-1, 28, 28), 4).split(len(vx)))
        assert min(right, left) > .6 and max(down, up) < .3
        assert at("bundled", "shift", 4, name) == pytest.approx(.475, abs=.02)


@each_dataset
def test_the_most_accurate_model_is_not_the_one_that_stands_a_step_best(dataset):
    clean, harmed = ({name: at(dataset, "step", size, name) for name in stress.MODELS} for size in (0, .1))
    assert min(clean, key=clean.get) in (TEMPLATE, CONV) and max(harmed, key=harmed.get) == TEMPLATE
    assert all(harmed[name] <= clean[name] - .07 for name in stress.MODELS)
    assert harmed[WIGGLED_NET] < .6


@each_dataset
def test_conv_nets_stand_shifts_without_having_seen_one(dataset):
    assert at(dataset, "shift", 4, CONV) > at(dataset, "shift", 4, WIGGLED_NET) + .05
    assert at(dataset, "shift", 4, WIGGLED_CONV) > .98
    assert at(dataset, "shift", 4, WIGGLED_CONV) > at(dataset, "shift", 4, CONV)
    best = [max(at(dataset, kind, size, name) for name in stress.MODELS) for kind, size in (("noise", .3), ("invert", .2))]
    if dataset == "full":                                               # the plain conv net stands both of them best
        assert best == [at("full", "noise", .3, CONV), at("full", "invert", .2, CONV)]


@each_dataset
def test_permuted_pixels_change_nothing_for_the_nets_without_convolutions_and_much_for_those_with(dataset):
    shares, shifts = stress.stored(dataset, "permuted"), stress.stored(dataset, "shift")
    for name in (LINEAR, NET, WIGGLED_NET):
        for k, share in zip((0, 2, 4), shares[name]):
            assert share == pytest.approx(shifts[name][stress.STRENGTHS["shift"].index(k)], abs=.015), (name, k)
    for name in (CONV, WIGGLED_CONV):
        assert shares[name][0] > .975 and shares[name][2] < shifts[name][4] - .07
    assert shares[WIGGLED_CONV][2] < shares[WIGGLED_NET][2]


def test_parameters_are_counted_rightly():
    conv = sum(p.numel() for p in stress.new_conv_net().parameters())
    net = sum(p.numel() for p in stress.trained(NET, "bundled", 0).parameters())
    assert conv == 208 + 3216 + 17 and round(net / conv) == 7
