"""What the tests of the fused engine share: the same training on either engine, and how far apart two of them are."""

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from glassnet import Settings, Structure
from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.interface import EpochMetrics, Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.metrics.registry import METRICS
from glassnet.network.initializers import initialize
from glassnet.network.losses import LOSSES

#: What engines may differ by, relative to the largest number of an array.
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def python(code: str, timeout: float = 120, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, which is ended when it hangs."""
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, env=environment
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


# --------------------------------------------------------------------------------------------------- data, training


def some_rows(
    settings: Settings, structure: Structure, n: int = 53, kind: str = "dense", weighted: bool = False, seed: int = 0
) -> Rows:
    """Return rows that suit a loss: ``dense``, ``sparse`` (nine zeros in ten), the same as ``csr``, or ``bytes``."""
    rng, dtype = np.random.default_rng(seed), settings.dtype
    x: Any = rng.standard_normal((n, structure.n_inputs)).astype(dtype)
    if kind != "dense":
        x *= rng.random(x.shape) > 0.9
    if kind == "bytes":
        x = (np.abs(x) * 80).clip(0, 255).astype(np.uint8)
    k = structure.n_outputs
    if settings.resolve_loss().link == "softmax":
        y = rng.integers(0, k, n)
    elif settings.resolve_loss().link == "sigmoid" or settings.loss == "hinge":
        y = rng.integers(0, 2, (n, k)).astype(dtype)
    else:
        y = rng.random((n, k)).astype(dtype)
    w = rng.random(n).astype(dtype) if weighted else None
    return Rows(sparse.csr_matrix(x) if kind == "csr" else x, y, w, 1 / 255)


def last_activation(loss: str) -> str:
    """Return the activation of the output layer that goes with a loss."""
    return LOSSES[loss].link or "identity"


def make(kind: type, settings: Settings, structure: Structure, **others: Any) -> Any:
    """Return an engine."""
    return kind(settings.objective(structure), settings.update_rule(), settings.batch_size, settings.dtype, **others)


@dataclass
class Outcome:
    """What a training came to: also the random stream, a number drawn after it."""

    weights: Weights
    figures: list[EpochMetrics]
    engine: Any
    drawn: int

    @property
    def bits(self) -> bytes:
        """All that training changed, as bytes."""
        vectors = [self.weights.parameters, *self.weights.state.moments.values()]
        if self.weights.ema is not None:
            vectors.append(self.weights.ema)
        figures = [value for f in self.figures for value in (f.loss, f.score, f.gradient_norm)]
        return b"".join(vector.tobytes() for vector in vectors) + np.array(figures).tobytes()


def trained(
    engine: Any, settings: Settings, structure: Structure, rows: Rows, epochs: int = 2, copied: bool = False,
    on_batch: Any = None, seed: int = 1,
) -> Outcome:  # fmt: skip
    """Train some epochs, each in an order of its own; with `copied`, on rows copied in that order."""
    vector = initialize(structure, np.random.default_rng(7), dtype=settings.dtype)
    weights = Weights(vector, settings.resolve_optimizer().init(vector), vector.copy() if settings.ema_decay else None)
    rate = settings.learning_rate or settings.resolve_optimizer().learning_rate
    batches, rng, figures = -(-len(rows) // settings.batch_size), np.random.default_rng(seed), []
    metric = METRICS["accuracy" if rows.y.ndim == 1 else "r2"].per_sample
    for epoch in range(epochs):
        order = rng.permutation(len(rows))
        these, in_order = rows, order
        if copied:
            w = None if rows.sample_weight is None else rows.sample_weight[order]
            these, in_order = Rows(rows.x[order], rows.y[order], w, rows.scale), None
        rates = rate * np.linspace(1, 0.5, batches) / (epoch + 1)
        figures.append(engine.train_epoch(weights, these, in_order, rates, rng, metric, on_batch, None))
    return Outcome(weights, figures, engine, int(rng.integers(2**62)))


# -------------------------------------------------------------------------------------------------------- comparing


def relative_difference(a: Any, b: Any) -> float:
    """Return the largest difference of two arrays, relative to the largest number in them."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape
    assert np.isfinite(a).all() == np.isfinite(b).all()
    difference = float(np.max(np.abs(a - b), initial=0.0))
    return difference / max(float(np.max(np.abs(a), initial=0.0)), 1e-30) if difference else 0.0


def differences(expected: Outcome, got: Outcome, rows: Rows) -> dict[str, float]:
    """Return how far apart two trainings are in everything that an engine answers, by name."""
    found = {"parameters": relative_difference(expected.weights.parameters, got.weights.parameters)}
    for name, moment in expected.weights.state.moments.items():
        found[f"moment {name}"] = relative_difference(moment, got.weights.state.moments[name])
    if expected.weights.ema is not None:
        found["ema_decay"] = relative_difference(expected.weights.ema, got.weights.ema)
    for name in ("loss", "gradient_norm"):
        found[name] = relative_difference(*([getattr(f, name) for f in of.figures] for of in (expected, got)))
    if rows.y.ndim > 1:  # a class may be won by a hair
        found["score"] = relative_difference([f.score for f in expected.figures], [f.score for f in got.figures])
    vector = expected.weights.eval_parameters
    for logits in (False, True):
        answers = (of.engine.outputs(vector, rows.x, logits, scale=rows.scale) for of in (expected, got))
        found["logits" if logits else "outputs"] = relative_difference(*answers)
    (loss, gradient), (loss_too, gradient_too) = (of.engine.loss_and_gradients(vector, rows) for of in (expected, got))
    found["objective"], found["gradient"] = (
        relative_difference(loss, loss_too),
        relative_difference(gradient, gradient_too),
    )
    return found


def assert_agree(settings: Settings, structure: Structure, rows: Rows, epochs: int = 2, **others: Any) -> None:
    """Train on both engines and hold everything that they answer together."""
    with np.errstate(all="ignore"):
        expected = trained(make(ReferenceEngine, settings, structure), settings, structure, rows, epochs)
    got = trained(make(FusedEngine, settings, structure, **others), settings, structure, rows, epochs)
    assert np.isfinite(expected.weights.parameters).all()
    wrong = {k: v for k, v in differences(expected, got, rows).items() if not v <= TOLERANCE[settings.dtype]}
    assert not wrong, wrong
    if rows.y.ndim == 1:
        assert np.allclose([f.score for f in expected.figures], [f.score for f in got.figures], atol=1.5 / len(rows))
    assert got.weights.state.step == expected.weights.state.step
    assert relative_difference(*([of.weights.state.scalars.get("product", 1)] for of in (expected, got))) < 1e-12
    assert got.drawn == expected.drawn  # the random stream went on from the same place
