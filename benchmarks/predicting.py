"""Prediction: all rows at once and one row at a time, compared with scikit-learn and PyTorch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import contenders
import numpy as np
from problems import Problem, mnist
from turns import head, line, take_turns

from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.reference import ReferenceEngine
from glassnet.models.model import Model
from glassnet.models.target import Target
from glassnet.preprocessing.scaling import fit_scaling
from glassnet.training import Settings

ROWS, CALLS = 10_000, 300


def run(options: Namespace) -> None:
    """Print the table."""
    problem = mnist(min(options.rows, ROWS), options.data)
    calls = max(1, CALLS * problem.rows // ROWS)
    ready = _ready(problem, options.threads)
    everything = {name: (lambda f=f: f(problem.x)) for name, f in ready.items()}
    x = problem.x[:1]

    def often(f: Callable) -> Callable[[], None]:
        def repeated() -> None:
            for _ in range(calls):
                f(x)

        return repeated

    single = {name: often(f) for name, f in ready.items()}
    many = take_turns(everything, options.rounds)
    one = take_turns(single, options.rounds, dict.fromkeys(single, 1e6 / calls))
    print(f"784-128-64-10, float32, probabilities; median of {options.rounds} rounds, and the ratio to the")
    print("fused engine. `Model.predict_proba` scales the raw rows first.\n")
    head(["", f"{problem.rows:,} rows, milliseconds", "ratio", "one row, microseconds", "ratio"])
    for name in ready:
        cells = [f"{1e3 * many[name].median:.2f}", f"{many[name].times(many[contenders.FUSED]):.2f}"]
        line([name, *cells, f"{one[name].median:.0f}", f"{one[name].times(one[contenders.FUSED]):.2f}"])


def _ready(problem: Problem, threads: int) -> dict[str, Callable]:
    """Return the functions that predict, by name."""
    settings, structure, vector = Settings(), problem.structure, problem.start()
    engine = (settings.objective(structure), settings.update_rule(), 32, np.float32)
    names = tuple(f"x{column}" for column in range(problem.sizes[0]))
    model = Model(structure, vector, fit_scaling(problem.x), names, Target.of_classes(range(10)), settings)
    fused, reference = FusedEngine(*engine, threads), ReferenceEngine(*engine)
    found: dict[str, Callable] = {
        contenders.FUSED: lambda x: fused.outputs(vector, x),
        contenders.REFERENCE: lambda x: reference.outputs(vector, x),
        "Model.predict_proba": model.predict_proba,
    }
    if contenders.available(contenders.PYTORCH):
        import torch

        torch.set_num_threads(threads)
        network = torch.nn.Sequential(contenders.torch_network(problem), torch.nn.Softmax(dim=1))

        def by_torch(x: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return network(torch.from_numpy(x)).numpy()

        found[contenders.PYTORCH] = by_torch
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(problem.sizes[1:-1], batch_size=min(200, problem.rows))
    found[contenders.SKLEARN] = classifier.partial_fit(problem.x, problem.y, classes=np.arange(10)).predict_proba
    return found
