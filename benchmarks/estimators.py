"""glassnet's and scikit-learn's estimators on the same work: fits, first fits, predictions, a grid, memory."""

from __future__ import annotations

import functools
import os
import warnings
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import fresh
import numpy as np
import sklearn.neural_network
from machine import THREADS
from problems import MNIST_SIZES, Problem, digits, mnist
from sklearn.exceptions import ConvergenceWarning
from turns import Times, head, line, seconds, take_turns

import glassnet
from glassnet.network.structure import Structure
from glassnet.training import Settings
from glassnet.training.dispatch import select_engine

FUSED, REFERENCE, AUTO, SKLEARN = "glassnet, fused", "glassnet, reference", "glassnet", "scikit-learn"
#: The module and the engine of each row.
SIDES: dict[str, tuple[Any, dict[str, Any]]] = {
    FUSED: (glassnet, {"engine": "fused"}),
    REFERENCE: (glassnet, {"engine": "reference"}),
    AUTO: (glassnet, {}),
    SKLEARN: (sklearn.neural_network, {}),
}
HIDDEN, EPOCHS, BATCHES = MNIST_SIZES[1:-1], 2, (32, 128, 512, "auto")
#: Settings of the small fits; the rest are scikit-learn's defaults.
SMALL: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "lbfgs": {"solver": "lbfgs"},
    "adam, early stopping": {"early_stopping": True},
}
ROWS, CALLS, GOAL = 10_000, 1_000, 1 / 3
#: A grid of four settings in three folds: twelve fits.
GRID, FOLDS = {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [(50,), (100,)]}, 3


def run(options: Namespace) -> None:
    """Print the tables."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # epochs are few on purpose
    sections = {
        "fits": fits, "small": small, "first": fresh.first_fits, "predictions": predictions, "grid": grid,
        "memory": fresh.memory,
    }  # fmt: skip
    selected = options.sections.split(",") if options.sections else list(sections)
    for number, name in enumerate(selected):
        if name not in sections:
            raise SystemExit(f"--sections has {name!r}; there are {', '.join(sections)}")
        if number:
            print()
        sections[name](options)


def network(side: str, threads: int | None, **parameters: Any) -> Any:
    """Return a classifier; glassnet's uses as many threads as scikit-learn's BLAS, or its default."""
    library, own = SIDES[side]
    own = {"n_jobs": threads, **own} if library is glassnet else own
    return library.MLPClassifier(random_state=0, **parameters, **own)


def fits(options: Namespace) -> None:
    """Measure fits of a few epochs on MNIST at each batch size."""
    problem = mnist(options.rows, options.data)
    print(f"### fit: {problem.rows:,} rows of {problem.name}, 784-128-64-10, adam, {EPOCHS} epochs\n")
    print(
        f"Seconds of a fit, input validation included: median (minimum) of {options.rounds} rounds, in turns, after one"
    )
    print("to warm up, in brackets at the end; and the ratio to the fused engine.\n")
    sides = (FUSED, REFERENCE, SKLEARN)
    head(["dtype", "batch", *sides, "warm-up", "auto selects the fused engine from"])
    for dtype, batches in ((np.float32, BATCHES), (np.float64, (128, "auto"))):
        x = problem.x.astype(dtype, copy=False)
        for batch in batches[:1] if options.smoke else batches:
            how = {"hidden_layer_sizes": HIDDEN, "batch_size": batch, "max_iter": EPOCHS}
            if isinstance(batch, int):
                how["batch_size"] = min(batch, problem.rows)
            times = take_turns(
                {s: functools.partial(fitted, s, options, x, problem.y, how) for s in sides}, options.rounds
            )
            cells = [_beside(times[side], times[FUSED]) for side in sides]
            warm_up = "(" + ", ".join(seconds(times[side].warm_up) for side in sides) + ")"
            line([np.dtype(dtype).name, batch, *cells, warm_up, f"max_iter={turning_point(problem, batch, dtype)}"])
        if options.smoke:
            break


def fitted(side: str, options: Namespace, x: Any, y: Any, how: dict[str, Any]) -> Any:
    """Fit a new estimator."""
    return network(side, options.threads, **how).fit(x, y)


def turning_point(problem: Problem, batch: int | str, dtype: Any) -> int:
    """Return the smallest max_iter for which ``engine="auto"`` selects the fused engine."""
    structure = Structure(problem.sizes, ("relu",) * len(HIDDEN) + ("softmax",))
    size = min(200 if batch == "auto" else int(batch), problem.rows)
    for epochs in range(1, 1_000_000):
        settings = Settings(epochs=epochs, batch_size=size, dtype=np.dtype(dtype).name)
        engine = select_engine(settings, settings.objective(structure), settings.update_rule(), problem.rows)
        if engine.name == "fused":
            return epochs
    raise AssertionError("auto never takes the fused engine")


def small(options: Namespace) -> None:
    """Measure fits on small tables, where the work outside the epochs matters."""
    from sklearn.datasets import load_iris

    print("### fit on small tables: scikit-learn's defaults, 100 units, at most 200 epochs, float64\n")
    print("Milliseconds of a fit: median (minimum), and the ratio to glassnet. Both train the same number of")
    print("epochs, unless two numbers are given; auto selects the reference engine.\n")
    digit = digits()
    tables = {"iris, 150×4": load_iris(return_X_y=True), "digits, 1,797×64": (digit.x.astype(np.float64), digit.y)}
    head(["table", "solver", "epochs", AUTO, SKLEARN, "warm-up"])
    if options.smoke:
        del tables["digits, 1,797×64"]
    for name, (x, y) in tables.items():
        for solver, how in SMALL.items():
            epochs = {side: fitted(side, options, x, y, how).n_iter_ for side in (AUTO, SKLEARN)}
            same = len(set(epochs.values())) == 1
            times = take_turns(
                {side: functools.partial(fitted, side, options, x, y, how) for side in epochs}, options.rounds
            )
            cells = [_beside(times[side], times[AUTO], 1e3) for side in epochs]
            warm_up = "(" + ", ".join(f"{1e3 * times[side].warm_up:.0f}" for side in epochs) + ")"
            n_epochs = epochs[AUTO] if same else f"{epochs[AUTO]} and {epochs[SKLEARN]}"
            line([name, solver, n_epochs, *cells, warm_up])


def predictions(options: Namespace) -> None:
    """Measure predict_proba of many rows and of one."""
    problem = mnist(min(options.rows, ROWS), options.data)
    calls = max(1, CALLS * problem.rows // ROWS)
    print(f"### predict_proba, 784-128-64-10: {problem.rows:,} rows at once, and one row {calls:,} times\n")
    print(f"Median (minimum), and the ratio to scikit-learn; the goal is {GOAL:.2f}.\n")
    sides = (FUSED, REFERENCE, SKLEARN)
    head(["dtype", "", f"{problem.rows:,} rows, milliseconds", "ratio", "one row, microseconds", "ratio"])
    for dtype in (np.float32, np.float64):
        x = problem.x.astype(dtype)
        how = {"hidden_layer_sizes": HIDDEN, "max_iter": 1, "batch_size": min(200, len(x))}
        ready = {side: fitted(side, options, x, problem.y, how).predict_proba for side in sides}
        many = take_turns({side: functools.partial(f, x) for side, f in ready.items()}, options.rounds)
        one = take_turns({side: often(f, x[:1], calls) for side, f in ready.items()}, options.rounds)
        for side in sides:
            cells = [
                f"{1e3 * many[side].median:.2f} ({1e3 * many[side].minimum:.2f})",
                f"{many[side].times(many[SKLEARN]):.2f}",
                f"{1e6 / calls * one[side].median:.0f} ({1e6 / calls * one[side].minimum:.0f})",
                f"{one[side].times(one[SKLEARN]):.2f}",
            ]
            line([np.dtype(dtype).name, side, *cells])


def often(f: Callable[[Any], object], x: np.ndarray, calls: int) -> Callable[[], None]:
    """Return a function that calls f ``calls`` times."""

    def repeated() -> None:
        for _ in range(calls):
            f(x)

    return repeated


def grid(options: Namespace) -> None:
    """Measure a grid search of twelve fits, in two processes."""
    from sklearn.model_selection import GridSearchCV

    digit, jobs = digits(), min(2, options.threads)
    rows = min(options.rows, digit.rows)
    x, y = digit.x[:rows].astype(np.float64), digit.y[:rows]
    print(f"### GridSearchCV(n_jobs={jobs}): 12 fits of 50 or 100 units on {rows:,} digits, and one on all of them\n")
    print("Seconds of the whole search: median (minimum). The warm-up round starts the processes.\n")

    for name in THREADS:  # joblib divides the cores among its processes, unless these are set
        os.environ.pop(name, None)

    def search(side: str) -> Any:
        return GridSearchCV(network(side, None), GRID, cv=FOLDS, n_jobs=jobs).fit(x, y)

    sides = (AUTO, SKLEARN) if options.smoke else (AUTO, SKLEARN, FUSED)
    times = take_turns({side: functools.partial(search, side) for side in sides}, options.rounds)
    head(["", "seconds, and ratio to glassnet", "warm-up"])
    for side in sides:
        line([side, _beside(times[side], times[AUTO]), seconds(times[side].warm_up)])


def _beside(mine: Times, base: Times, factor: float = 1.0) -> str:
    """Format median (minimum) and ratio."""
    if factor == 1.0:
        return f"{mine}, {mine.times(base):.2f}"
    return f"{factor * mine.median:.1f} ({factor * mine.minimum:.1f}), {mine.times(base):.2f}"
