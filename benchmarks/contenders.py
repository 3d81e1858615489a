"""The libraries to compare: each function prepares a problem and returns a function that trains one epoch.

All do the same work: an epoch visits all rows once in a new random order, batch by batch, with plain gradient descent
on the same network with the same initial parameters, in float32. Differences are documented at each function.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from machine import installed
from problems import Problem

from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.interface import Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.metrics.registry import METRICS
from glassnet.training import Settings

Epoch = Callable[[], object]
Prepare = Callable[[Problem, int, int], Epoch]  # the problem, rows a batch, threads

FUSED, BYTES, REFERENCE = "fused", "fused, bytes", "reference"
PYTORCH, JAX, SKLEARN, SKETCH = "PyTorch", "JAX", "scikit-learn", "NumPy sketch"


def glassnet_epoch(
    problem: Problem, batch: int, threads: int, *, engine: str = "fused", as_bytes: bool = False, **settings: Any
) -> Epoch:
    """Train with a glassnet engine, recording loss, accuracy and gradient norm."""
    loss = "categorical_crossentropy" if problem.classes else "half_mean_squared_error"
    how = Settings(**{"loss": loss, "optimizer": "gradient_descent", "batch_size": batch, **settings})
    aim, rule, vector = how.objective(problem.structure), how.update_rule(), problem.start()
    weights = Weights(vector, rule.optimizer.init(vector), None)
    kind: Any = functools.partial(FusedEngine, threads=threads) if engine == "fused" else ReferenceEngine
    runner = kind(aim, rule, batch, np.float32)
    rate = problem.rate if rule.optimizer.name == "gradient_descent" else rule.optimizer.learning_rate
    rng, rates = np.random.default_rng(1), np.full(-(-problem.rows // batch), rate)
    rows = Rows(problem.x_bytes, problem.y, scale=1 / 255) if as_bytes else Rows(problem.x, problem.y)
    metric = METRICS["accuracy" if problem.classes else "r2"].per_sample

    def epoch() -> None:
        runner.train_epoch(weights, rows, rng.permutation(problem.rows), rates, rng, metric)

    return epoch


def numpy_sketch(problem: Problem, batch: int, threads: int) -> Epoch:
    """Train a network of three layers in minimal NumPy: no loss, no history, no options."""
    views = problem.structure.views(problem.start())
    W1, b1, W2, b2, W3, b3 = (view.copy() for view in views.values())
    x, rate = problem.x, np.float32(problem.rate)
    one_hot, rng = np.eye(problem.sizes[-1], dtype=np.float32)[problem.y], np.random.default_rng(1)

    def epoch() -> None:
        order = rng.permutation(len(x))
        for first in range(0, len(x), batch):
            chosen = order[first : first + batch]
            a0 = x[chosen]
            a1 = np.maximum(a0 @ W1 + b1, 0)
            a2 = np.maximum(a1 @ W2 + b2, 0)
            z3 = a2 @ W3 + b3
            a3 = np.exp(z3 - z3.max(axis=1, keepdims=True))
            a3 /= a3.sum(axis=1, keepdims=True)
            dz3 = (a3 - one_hot[chosen]) / np.float32(len(chosen))
            dz2 = (dz3 @ W3.T) * (a2 > 0)
            dz1 = (dz2 @ W2.T) * (a1 > 0)
            for W, b, a, dz in ((W3, b3, a2, dz3), (W2, b2, a1, dz2), (W1, b1, a0, dz1)):
                W -= rate * (a.T @ dz)  # in place
                b -= rate * dz.sum(axis=0)  # in place

    return epoch


def scikit_learn(problem: Problem, batch: int, threads: int) -> Epoch:
    """Train with scikit-learn's `partial_fit`, which shuffles; it draws its own initial parameters."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    how: dict[str, Any] = {"solver": "sgd", "momentum": 0, "alpha": 0, "learning_rate_init": problem.rate}
    how |= {"hidden_layer_sizes": problem.sizes[1:-1], "batch_size": min(batch, problem.rows), "random_state": 0}
    if not problem.classes:
        regressor, y = MLPRegressor(**how), problem.y.ravel()
        return lambda: regressor.partial_fit(problem.x, y)
    classifier, classes = MLPClassifier(**how), np.arange(problem.sizes[-1])
    return lambda: classifier.partial_fit(problem.x, problem.y, classes=classes)


def torch_network(problem: Problem) -> Any:
    """Return the network for PyTorch, with the common initial parameters."""
    import torch

    layers: list[Any] = []
    views = problem.structure.views(problem.start())
    for number, (before, after) in enumerate(itertools.pairwise(problem.sizes), 1):
        linear = torch.nn.Linear(before, after)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(views[f"W{number}"].T.copy()))
            linear.bias.copy_(torch.from_numpy(views[f"b{number}"].copy()))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def pytorch(problem: Problem, batch: int, threads: int, *, keep_sparse: bool = False) -> Epoch:
    """Train with PyTorch: tensors indexed by a permutation, no DataLoader, torch.optim.SGD.

    CSR rows are made dense beforehand, or, with ``keep_sparse``, each batch is a sparse tensor multiplied with W1.
    """
    import torch

    network, truth = torch_network(problem), torch.from_numpy(problem.y)
    optimizer = torch.optim.SGD(network.parameters(), problem.rate)
    csr = hasattr(problem.x, "toarray")
    data = problem.x if csr and keep_sparse else torch.from_numpy(problem.x.toarray() if csr else problem.x)
    torch.sparse.check_sparse_tensor_invariants.disable()
    # PyTorch warns once per process
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")

    def batch_loss(chosen: Any) -> Any:
        if csr and keep_sparse:
            some = data[chosen.numpy()]
            entries = torch.sparse_csr_tensor(
                torch.from_numpy(some.indptr), torch.from_numpy(some.indices), torch.from_numpy(some.data), some.shape
            )
            output = network[1:](torch.sparse.mm(entries, network[0].weight.T) + network[0].bias)
        else:
            output = network(data[chosen])
        if problem.classes:
            return torch.nn.functional.cross_entropy(output, truth[chosen])
        return 0.5 * torch.nn.functional.mse_loss(output, truth[chosen])

    def epoch() -> None:
        torch.set_num_threads(threads)
        order = torch.randperm(problem.rows)
        for first in range(0, problem.rows, batch):
            optimizer.zero_grad()
            batch_loss(order[first : first + batch]).backward()
            optimizer.step()

    return epoch


def jax_epoch(problem: Problem, batch: int, threads: int) -> Epoch:
    """Train with JAX: the epoch is one compiled scan over permuted batches, with donated parameters.

    A scan needs batches of equal size: the last, smaller one is dropped. CSR rows are made dense beforehand.
    """
    import jax
    import jax.numpy as jnp

    batch = min(batch, problem.rows)
    filled = problem.x.toarray() if hasattr(problem.x, "toarray") else problem.x
    x, y, rate, last = jnp.asarray(filled), jnp.asarray(problem.y), problem.rate, len(problem.sizes) - 1
    views = problem.structure.views(problem.start())
    rng, batches = np.random.default_rng(1), problem.rows // batch

    def batch_loss(parameters: Any, a: Any, truth: Any) -> Any:
        for number, (W, b) in enumerate(parameters, 1):
            z = a @ W + b
            a = jax.nn.relu(z) if number < last else z
        if problem.classes:
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(a), truth[:, None], axis=1))
        return 0.5 * jnp.mean((a - truth) ** 2)

    @functools.partial(jax.jit, donate_argnums=0)
    def through(parameters: Any, x: Any, y: Any, order: Any) -> Any:
        def step(parameters: Any, chosen: Any) -> Any:
            gradients = jax.grad(batch_loss)(parameters, x[chosen], y[chosen])
            return jax.tree.map(lambda p, g: p - rate * g, parameters, gradients), None

        return jax.lax.scan(step, parameters, order)[0]

    state = [[(jnp.asarray(views[f"W{n}"]), jnp.asarray(views[f"b{n}"])) for n in range(1, last + 1)]]

    def epoch() -> None:
        order = rng.permutation(problem.rows)[: batches * batch].reshape(batches, batch).astype(np.int32)
        state[0] = jax.block_until_ready(through(state[0], x, y, order))

    return epoch


ALL: dict[str, Prepare] = {
    FUSED: glassnet_epoch,
    BYTES: functools.partial(glassnet_epoch, as_bytes=True),
    PYTORCH: pytorch,
    JAX: jax_epoch,
    SKLEARN: scikit_learn,
    SKETCH: numpy_sketch,
    REFERENCE: functools.partial(glassnet_epoch, engine="reference"),
}
_PACKAGES = {PYTORCH: "torch", JAX: "jaxlib"}


def available(*names: str) -> list[str]:
    """Return the libraries among ``names`` (default: all) that are installed."""
    return [name for name in names or ALL if name not in _PACKAGES or installed(_PACKAGES[name])]
