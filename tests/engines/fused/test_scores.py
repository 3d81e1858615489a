"""Scores: counted in the compiled loop where the metric is the library's, else from the outputs."""

import numpy as np
import pytest

from glassnet import Settings, Structure
from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.interface import RowMetric, Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.metrics.per_sample import (
    accuracy_per_sample,
    no_metric,
    squared_error_per_sample,
    subset_accuracy_per_sample,
)
from glassnet.network.initializers import initialize

from .both_engines import make

#: What the last layer answers, its loss, the truth, the metric.
CASES = {
    "classes": (("softmax", "categorical_crossentropy"), 5, "classes", accuracy_per_sample),
    "classes as columns": (("softmax", "categorical_crossentropy"), 5, "one-hot", accuracy_per_sample),
    "yes or no": (("sigmoid", "binary_crossentropy"), 1, "yes or no", accuracy_per_sample),
    "yes or no, a column": (("sigmoid", "binary_crossentropy"), 1, "column", accuracy_per_sample),
    "not the loss's link": (("tanh", "hinge"), 3, "one-hot", accuracy_per_sample),
    "labels": (("sigmoid", "binary_crossentropy"), 3, "values", subset_accuracy_per_sample),
    "values": (("identity", "half_mean_squared_error"), 3, "values", squared_error_per_sample),
    "a value": (("softplus", "huber"), 1, "values", squared_error_per_sample),
    "counts": (("exponential", "poisson"), 2, "values", squared_error_per_sample),
    "nothing": (("identity", "half_mean_squared_error"), 3, "values", no_metric),
}


def score(kind: type, case: str, metric: RowMetric, batch: int = 20, **others: int) -> tuple[float, bytes]:
    """Train one epoch; return its score, and the parameters' bits."""
    (last, loss), k, truth, _ = CASES[case]
    structure, rng, n = Structure((9, 6, k), ("tanh", last)), np.random.default_rng(0), 107
    y = {
        "classes": lambda: rng.integers(0, k, n),
        "one-hot": lambda: np.eye(k)[rng.integers(0, k, n)],
        "yes or no": lambda: rng.integers(0, 2, n),
        "column": lambda: rng.integers(0, 2, (n, 1)) * 1.0,
        "values": lambda: rng.random((n, k)),
    }[truth]()
    rows = Rows(rng.standard_normal((n, 9)), y)
    engine = make(kind, Settings(loss=loss, dtype="float64", batch_size=batch), structure, **others)
    vector = initialize(structure, np.random.default_rng(1), dtype="float64")
    weights = Weights(vector, engine.rule.optimizer.init(vector), None)
    order, rates = rng.permutation(n)[:101], np.full(-(-101 // batch), 1e-3)
    found = engine.train_epoch(weights, rows, order, rates, np.random.default_rng(2), metric, None, None)
    return found.score, vector.tobytes()


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("batch", [1, 7, 16, 64, 200])
@pytest.mark.parametrize("case", CASES)
def test_a_score_is_the_reference_engines(case: str, batch: int) -> None:
    metric = CASES[case][3]
    expected, _ = score(ReferenceEngine, case, metric, batch)
    got, _ = score(FusedEngine, case, metric, batch)
    assert got == pytest.approx(expected, rel=1e-10, nan_ok=True)
    assert case == "nothing" or got > 0


@pytest.mark.parametrize("case", CASES)
def test_a_custom_metric_gets_the_outputs_and_changes_nothing(case: str) -> None:
    metric = CASES[case][3]
    batches = []

    def own(output, y):
        batches.append((output.shape, len(y)))
        return metric(output, y)

    known, parameters = score(FusedEngine, case, metric)
    found, parameters_too = score(FusedEngine, case, own)
    assert found == pytest.approx(known, rel=1e-12, nan_ok=True)
    assert parameters == parameters_too
    assert sum(count for _, count in batches) == sum(shape[0] for shape, _ in batches) == 101


def test_a_metric_that_is_known_costs_no_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    build_args = FusedEngine._workspace.__globals__["Workspace"].build_args

    def recording(self, order, steps, keys, outputs, records):
        sizes.append(outputs.size)
        return build_args(self, order, steps, keys, outputs, records)

    monkeypatch.setattr("glassnet.engines.fused.workspace.Workspace.build_args", recording)
    score(FusedEngine, "classes", accuracy_per_sample)
    score(FusedEngine, "classes", lambda output, y: output[:, 0])
    assert sizes == [0, 101 * 5]
