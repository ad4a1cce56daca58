"""How the course's training grows: with the digits, with the hidden units, and with the workers of notebook many_workers.

    python -m tools.benchmarks.scaling growth        two minutes on one core (Linux); set MNIST_ROOT, or let it download MNIST
    python -m tools.benchmarks.scaling workers       half a minute on two cores that do nothing else
    python -m tools.benchmarks.scaling               measures nothing: prints what is stored

growth: seconds of an epoch, and peak memory of its process, for a ReLU net that learns "is it a 3?" from all ten digits in
mini-batches of 64, one thread. workers: a step of N workers, each with a share of the mini-batch, costs

    fixed + digit · batch / N + 2 (N - 1) · latency + 2 (N - 1) / N · bytes / bandwidth.

The first two are fitted to steps without any sending, the last two to the averaging of gradients of nets of several sizes,
both by two workers at the same time (one alone for N = 1). Then epochs of one and of two are measured and compared. The
gradients are averaged by one all-reduce after the backward pass, with gloo; each worker has one thread.
"""
import math
import os
import re
import statistics
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import psutil
import torch
import torch.distributed as dist
from torch import nn

from course.mnist import read_idx
from tools.benchmarks import data, in_fresh_processes, machine, main, new_model
from utils import Batches, train_epoch

DIGITS, UNITS = [500, 2_000, 8_000, 30_000, 60_000], [30, 100, 300, 1_000, 3_000]
GROWTH = {"digits": [(n, 30) for n in DIGITS], "units": [(8_000, units) for units in UNITS]}
BATCH, SHARES, SENT = 64, [16, 32, 64], [1, 10, 100, 1_000, 3_000]
NETS, PREDICTED = [30, 3_000], [1, 2, 4, 8, 16, 32, 64]


def seconds_of(action, repeats: int) -> float:
    """The median of some repeats; the first one does not count."""
    ticks = [perf_counter()]
    for _ in range(repeats + 1):
        action()
        ticks.append(perf_counter())
    return statistics.median(end - start for start, end in list(pairwise(ticks))[1:])


def memory(line: str) -> float:
    """MiB of this process, as Linux tells them: VmRSS now, VmHWM at most so far."""
    return int(re.search(rf"{line}:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) / 1024


def growing(_: int, n: int, units: int) -> dict[str, float]:
    """Seconds of an epoch with n digits and so many hidden units, and the memory that data and training take at most."""
    torch.set_num_threads(1)
    for n, units in ((64, 30), (n, units)):                     # the first round is there to load what PyTorch loads late
        before = memory("VmRSS")
        images, labels = (read_idx("full", f"train-{name}-ubyte")[:n] for name in ("images-idx3", "labels-idx1"))
        x, y = images.flatten(1).float() / 255, (labels[:, None] == 3).float()
        del images, labels
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")         # what reading took at most does not count
        model, batches = new_model("net", 0, hidden=units), Batches(x, y, BATCH, shuffle=True)
        opt = torch.optim.SGD(model.parameters(), lr=.1)
        seconds = seconds_of(lambda: train_epoch(model, opt, batches), max(3, 30_000 // n))
    return {"digits": n, "units": units, "seconds": round(seconds, 4), "MiB": round(memory("VmHWM") - before)}


def average_gradients(model: nn.Module) -> None:
    """Replace each gradient by its mean over the workers, with one all-reduce."""
    params = list(model.parameters())
    numbers = torch.cat([p.grad.flatten() for p in params])
    dist.all_reduce(numbers)
    numbers /= dist.get_world_size()
    for p, mean in zip(params, numbers.split([p.numel() for p in params])):
        p.grad.copy_(mean.view_as(p))


def working(rank: int, workers: int, units: int, folder: str) -> dict[str, list[float]]:
    """One worker's seconds: of a step at each of SHARES, of averaging the gradients of each of SENT, of an epoch together."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = next(name for name, addresses in psutil.net_if_addrs().items()
                                            if any(one.address == "127.0.0.1" for one in addresses))
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=workers)
    (x, y), model = data("bundled")[:2], new_model("net", 0, hidden=units)
    rows, repeats = torch.arange(8 * BATCH) % len(x), 5 if units > 1_000 else 50
    opt = torch.optim.SGD(model.parameters(), lr=.1)
    steps, sums = [], []
    for share in SHARES:
        batches = [(x[k], y[k]) for k in rows.split(share)]
        dist.barrier()
        steps.append(seconds_of(lambda: train_epoch(model, opt, batches), repeats) / len(batches))
    for other in SENT:                                           # each after a step, as in training: then it has to wake up
        sent = new_model("net", 0, hidden=other)
        sent(x[:1]).sum().backward()
        both = seconds_of(lambda: (train_epoch(model, opt, batches[:1]), average_gradients(sent)), repeats)
        sums.append(both - steps[-1])
    shared = [(x[k], y[k]) for k in (part[rank::workers] for part in rows.split(BATCH))]
    if workers > 1:
        opt.register_step_pre_hook(lambda *_: average_gradients(model))
    epoch = seconds_of(lambda: train_epoch(model, opt, shared), repeats)
    dist.destroy_process_group()
    return {"step": steps, "average": sums, "epoch": [epoch]}


def team(workers: int, units: int) -> dict[str, list[float]]:
    """Some workers at the same time: of each time the longest."""
    with TemporaryDirectory() as folder:
        found = in_fresh_processes(working, workers, workers, units, folder)
    return {key: [float(f"{max(times):.3g}") for times in zip(*(one[key] for one in found))] for key in found[0]}


def jobs(part: str):
    """What to measure of one part."""
    yield ("machine", part), machine()
    if part == "growth":
        for by, case in [(by, case) for by, cases in GROWTH.items() for case in cases]:
            yield (part, by, "{} digits, {} units".format(*case)), lambda case=case: in_fresh_processes(growing, 1, *case)[0]
    else:
        for units, workers in product(NETS, (1, 2)):
            yield (part, f"{units} units", str(workers)), partial(team, workers, units)


def slope(cases: list[dict], by: str, of: str) -> float:
    """How steep the last stretch is on log-log axes: 1 where twice as many cost twice as much."""
    a, b = cases[-2:]
    return math.log(b[of] / a[of]) / math.log(b[by] / a[by])


def size(units):
    """The bytes of all gradients of a net with so many hidden units."""
    return 4 * (786 * units + 1)


def predicted(units: int, workers: int, found: dict) -> float:
    """Seconds of an epoch of eight batches by the model, from the pieces: results("scaling")["workers"]["… units"]."""
    pieces = found["1" if workers == 1 else "2"]
    digit, fixed = np.polyfit(SHARES, pieces["step"], 1)
    sent, seconds = size(np.array(SENT)), np.array(found["2"]["average"])
    per_byte, start = np.polyfit(sent, seconds, 1, w=1 / seconds)                   # relative errors count
    others = workers - 1
    return 8 * (fixed + digit * BATCH / workers + others * start + 2 * others / workers * size(units) * per_byte)


def report(found: dict) -> None:
    """Print what is stored of both parts."""
    for by, cases in [(by, list(found["growth"][by].values())) for by in GROWTH if "growth" in found]:
        print(f"\nmore {by}:", *(f"{one['digits']:>8,} digits, {one['units']:>5,} units: {one['seconds']:8.3f} s an epoch, "
                                 f"{one['MiB']:>6,} MiB" for one in cases), sep="\n")
        print("slope at the upper end:", ", ".join(f"{of} {slope(cases, by, of):.2f}" for of in ("seconds", "MiB")))
    for units in NETS if "workers" in found else []:
        pieces = found["workers"][f"{units} units"]
        print(f"\n784-{units}-1, an epoch of eight batches of {BATCH}")
        for workers in PREDICTED:
            seconds = predicted(units, workers, pieces)
            times = predicted(units, 1, pieces) / seconds
            told = f"{workers:>3} workers: {1000 * seconds:7.1f} ms predicted, {times:5.2f} times as fast as one"
            if str(workers) in pieces:
                real = pieces[str(workers)]["epoch"][0]
                told += f"; {1000 * real:7.1f} ms measured, the prediction is off by {seconds / real - 1:+.0%}"
            print(told)


if __name__ == "__main__":
    main("scaling", __doc__, ["growth", "workers"], jobs, report)
