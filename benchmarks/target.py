"""Seconds to 98.0 % test accuracy on MNIST: the whole training, from bytes in memory to the predictions.

A training has a fixed number of epochs. Its time includes everything except imports and compilation: validation of the
rows, initial weights, all epochs, and one prediction of the test rows. Accuracy and time are medians over five seeds.

**How the settings were chosen.** On the training rows only: 50,000 for training and the last 10,000 for validation. The
test rows were not used. A rough search over depth, batch, rate, optimizer, schedule and activation was followed by
`CANDIDATES`, which ``python benchmarks target --search`` repeats. The fastest candidate whose accuracy was 98.1 % for
all five seeds was chosen, so that it reaches 98.0 % with a margin. The decisive ones, with 3 epochs::

    hidden   batch   rate   smoothing   validation accuracy, %, seeds 0 to 4           median
    256      192     .010   .05         98.22 98.23 98.18 98.10 98.31                  98.22   chosen
    256      128     .008   .05         98.20 98.28 98.31 98.07 98.14                  98.20
    256      256     .010   .05         98.18 98.12 98.25 98.24 98.05                  98.18
    192      128     .008   .05         98.27 98.22 98.05 98.30 98.20                  98.22
    192      192     .010   .05         98.03 98.16 98.05 98.23 98.18                  98.16
    192      256     .010   .05         98.15 98.16 98.05 98.11 98.21                  98.15
    160      256     .010   .05         98.03 98.07 98.15 98.12 98.10                  98.10
    128-64   256     .010   .05         97.95 97.83 97.94 97.87 97.88                  97.88
"""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import contenders
import numpy as np
from problems import Problem, pixels
from turns import head, line, seconds

from glassnet.engines.reference import ReferenceEngine
from glassnet.network.structure import Structure
from glassnet.training import Settings, train

GOAL, SEEDS = 98.0, 5
HIDDEN = (256,)
#: The chosen settings.
CHOSEN: dict[str, Any] = {
    "optimizer": "adam",
    "optimizer_settings": {"beta_2": 0.95},
    "loss_settings": {"label_smoothing": 0.05},
    "schedule": "one_cycle",
    "learning_rate": 0.01,
    "batch_size": 192,
    "epochs": 3,
}
#: The candidates: other layers, and changes to the settings.
CANDIDATES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    (HIDDEN, {}),
    *[(hidden, {"batch_size": 256}) for hidden in ((128, 64), (160,), (192,), HIDDEN, (320,))],
    *[(hidden, {"batch_size": 128, "learning_rate": 0.008}) for hidden in ((192,), HIDDEN)],
    ((192,), {}),
    *[(HIDDEN, {"epochs": epochs}) for epochs in (2, 4)],
    *[(HIDDEN, {"learning_rate": rate}) for rate in (0.007, 0.015)],
    *[(HIDDEN, {"loss_settings": {"label_smoothing": share}}) for share in (0.0, 0.03, 0.1)],
    *[(HIDDEN, {"optimizer_settings": {"beta_2": beta}}) for beta in (0.9, 0.98, 0.999)],
    *[(HIDDEN, {"schedule_settings": {"pct_start": pct_start}}) for pct_start in (0.2, 0.4)],
    *[(HIDDEN, {"dropout": 0.1}), (HIDDEN, {"optimizer": "adamw", "weight_decay": 0.1})],
]
#: A step of PyTorch takes longer, so that a larger batch with a larger rate is faster: both are shown.
PYTORCH_BATCHES = {192: 0.01, 512: 0.015}


def run(options: Namespace) -> None:
    """Print the table, or the search's."""
    x, y, name = pixels(options.rows, options.data)
    if name != "MNIST" and not options.smoke:
        print("MNIST was not found; set --data or GLASSNET_MNIST")
        return
    if options.search:
        return search(x, y)
    x_test, y_test, _ = pixels(10_000, options.data, "test")
    seeds = 1 if options.smoke else SEEDS
    runs: dict[str, Callable[[int], np.ndarray]] = {
        contenders.FUSED: lambda seed: by_glassnet(HIDDEN, CHOSEN, x, y, x_test, seed, options.threads)
    }
    if contenders.available(contenders.PYTORCH):
        for batch in PYTORCH_BATCHES:
            runs[f"PyTorch, batch {batch}"] = lambda seed, b=batch: by_torch(x, y, x_test, seed, options.threads, b)
    found: dict[str, list[tuple[float, float]]] = {what: [] for what in runs}
    for run_one in runs.values():
        run_one(0)  # warm-up: compiles
    for seed in range(seeds):
        for what, run_one in runs.items():
            began = time.perf_counter()
            answers = run_one(seed)
            took = time.perf_counter() - began
            found[what].append((took, 100 * float(np.mean(answers == y_test))))
    layers, how = "-".join(map(str, (784, *HIDDEN, 10))), f"{CHOSEN['epochs']} epochs of Adam over one cycle"
    print(f"{len(x):,} rows of {name}, {layers}, {how}, batch {CHOSEN['batch_size']}.")
    print(f"Seeds 0 to {seeds - 1}, taking turns. PyTorch has the same settings, and indexes by a permutation.\n")
    head(
        ["", "seconds, median (minimum)", "accuracy, %, median", "accuracy, %, each seed", f"{GOAL} % reached", "ratio"]
    )
    mine = [took for took, _ in found[contenders.FUSED]]
    for what, pairs in found.items():
        took, right = zip(*pairs, strict=True)
        ratio = statistics.median(a / b for a, b in zip(took, mine, strict=True))
        line(
            [
                what,
                f"{seconds(statistics.median(took))} ({seconds(min(took))})",
                f"{statistics.median(right):.2f}",
                " ".join(f"{share:.2f}" for share in right),
                "yes" if statistics.median(right) >= GOAL else "no",
                f"{ratio:.2f}",
            ]
        )


def by_glassnet(
    hidden: tuple[int, ...], how: dict[str, Any], x: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int,
    threads: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Train the fused engine on bytes and return the classes of x_test, predicted by the reference engine."""
    structure = Structure((784, *hidden, 10), ("relu",) * len(hidden) + ("softmax",))
    settings = Settings(engine="fused", threads=threads, random_state=seed, **how)
    trained = train(structure, x, y, settings, scale=1 / 255)
    engine = ReferenceEngine(settings.objective(structure), settings.update_rule(), 1, np.float32)
    return engine.outputs(trained.vector, x_test, scale=1 / 255).argmax(axis=1)


def by_torch(x_bytes: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int, threads: int, batch: int) -> np.ndarray:
    """Train PyTorch with the same settings and return the classes of x_test."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    x, truth = torch.from_numpy(x_bytes).float().div_(255), torch.from_numpy(y)
    network = contenders.torch_network(Problem("", (784, *HIDDEN, 10), x, y))
    for linear in network[::2]:
        torch.nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
    betas = (0.9, CHOSEN["optimizer_settings"]["beta_2"])
    optimizer = torch.optim.Adam(network.parameters(), PYTORCH_BATCHES[batch], betas, fused=True)
    steps = CHOSEN["epochs"] * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PYTORCH_BATCHES[batch], total_steps=steps, cycle_momentum=False
    )
    smoothing = CHOSEN["loss_settings"]["label_smoothing"]
    for _ in range(CHOSEN["epochs"]):
        for chosen in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            output = network(x[chosen])
            torch.nn.functional.cross_entropy(output, truth[chosen], label_smoothing=smoothing).backward()
            optimizer.step()
            schedule.step()
    with torch.inference_mode():
        return network(torch.from_numpy(x_test).float().div_(255)).argmax(dim=1).numpy()


def search(x: np.ndarray, y: np.ndarray) -> None:
    """Print the accuracy of each candidate on the last sixth of the training rows."""
    last = len(x) - len(x) // 6
    head(["hidden layers", "changed", "validation accuracy, %, median", "each seed", "seconds, minimum"])
    for hidden, changed in CANDIDATES:
        right, took = [], []
        for seed in range(SEEDS):
            began = time.perf_counter()
            answers = by_glassnet(hidden, CHOSEN | changed, x[:last], y[:last], x[last:], seed)
            took.append(time.perf_counter() - began)
            right.append(100 * float(np.mean(answers == y[last:])))
        each = " ".join(f"{share:.2f}" for share in right)
        line([hidden, changed or "–", f"{statistics.median(right):.2f}", each, seconds(min(took))])
