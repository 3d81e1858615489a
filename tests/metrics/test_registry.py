"""The metrics that a training records: equal to scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from glassnet import InputError
from glassnet.metrics.registry import METRICS, NO_METRIC, find_metric


def measured(name: str, output: np.ndarray, y: np.ndarray) -> float:
    metric = find_metric(name)
    spread = float(np.mean(np.sum(np.square(y - y.mean(axis=0)), axis=-1))) if y.ndim == 2 else float(np.var(y))
    return metric.aggregate(float(np.mean(metric.per_sample(output, y))), lambda: spread)


def test_each_metric_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    output = rng.random((200, 3))
    labels = rng.integers(0, 3, 200)
    assert measured("accuracy", output, labels) == accuracy_score(labels, output.argmax(axis=1))
    bits = rng.integers(0, 2, (200, 3))
    assert measured("subset_accuracy", output, bits) == accuracy_score(bits, output >= 0.5)
    values = rng.standard_normal((200, 1))
    assert measured("r2", output[:, :1], values) == pytest.approx(r2_score(values, output[:, :1]))
    assert measured("r2", output[:, :1], np.ones((200, 1))) == 0
    assert np.isnan(measured(NO_METRIC, output, labels))


def test_an_unknown_metric_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="metric 'acuracy' is not known; did you mean"):
        find_metric("acuracy")
    assert all(name == metric.name for name, metric in METRICS.items())
