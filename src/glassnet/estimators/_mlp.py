"""What classifier and regressor share: from parameters and rows to a trained network, and from rows to its outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state, column_or_1d
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    _num_samples,
    check_consistent_length,
    validate_data,
)

from glassnet._utils.arrays import Array
from glassnet.errors import InputError
from glassnet.estimators._base import DTYPES, BaseNetwork
from glassnet.estimators._convergence import Convergence, LearningRate, Progress, sklearn_criteria
from glassnet.estimators._custom_loss import check_own_loss
from glassnet.estimators._export import ExportMixin
from glassnet.estimators._inspection import InspectionMixin
from glassnet.estimators._params import to_settings
from glassnet.estimators._sklearn_losses import as_reported
from glassnet.estimators._sklearn_names import SGD, build_structure, find_activation, spoken
from glassnet.estimators._sklearn_rng import Orders, draw_weights
from glassnet.metrics.registry import NO_METRIC
from glassnet.network.initializers import initialize
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.preprocessing import fit_preprocessor
from glassnet.training import Callback, Settings
from glassnet.training.history import History
from glassnet.training.loop import DivergenceWarning, build_run, run_training
from glassnet.training.run import Run
from glassnet.training.settings import LBFGS
from glassnet.training.source import InMemory
from glassnet.training.state import TrainingState, init_state
from glassnet.training.validation_split import validation_split

_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class _Judged:
    """Rows that are validated on: as they were handed over, as the network takes them, their truth and weights."""

    rows: Callable[[], Any]
    x: Any
    y: Array
    truth: Array
    sample_weight: Array | None


class NeuralNetwork(InspectionMixin, ExportMixin, BaseNetwork):
    """A feed-forward network with scikit-learn's interface; `MLPClassifier` and `MLPRegressor` say what it learns."""

    # what a fitted network has besides scikit-learn's attributes
    _state: TrainingState
    _orders: Orders
    _progress: Progress
    _split: tuple[Array, Array, int] | None

    def _remember(self, given: dict[str, Any]) -> None:
        """Keep what the constructor was given, as it is: checking is for fit."""
        for name, value in given.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # -------------------------------------------------------------------------- what each of the two says for itself

    _classifies: bool

    def _encode(self, y: Any, first: bool, incremental: bool) -> Array:
        """Check the targets, remember the classes, and return the truth as the network is trained on it."""
        raise NotImplementedError

    def _shape_of_outputs(self, truth: Array) -> tuple[int, str, str]:
        """Return how many outputs there are, their activation unless another is asked for, and the metric."""
        raise NotImplementedError

    def _score_outputs(self, output: Array, truth: Array, sample_weight: Array | None) -> float:
        """Return what `score` would say of these outputs."""
        raise NotImplementedError

    def _loss_for(self, outputs: int, dtype: Any) -> Loss:
        """Return the loss that is asked for."""
        raise NotImplementedError

    def _row_weights(self, y: Any, sample_weight: Array | None) -> Array | None:
        """Return the weight of each row."""
        return sample_weight

    def _unlearned_loss(self, truth: Array) -> Array | None:
        """Return, for each row, the part of scikit-learn's loss that no parameter changes; None for nothing."""
        return None

    def _fit_target(self, truth: Array, training: Array | None, first: bool) -> None:
        """Learn from the training rows how targets are transformed."""

    def _transformed(self, truth: Array) -> Array:
        """Return the truth as the network is trained on it."""
        return truth

    # ---------------------------------------------------------------------------------------------------- learning

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: Any = None,
        groups: Any = None,
        incremental: bool = False,
    ) -> Any:
        """Train: all of the training rows for many epochs, or, incremental, some rows for one."""
        hidden = _hidden_sizes(self.hidden_layer_sizes)
        given = self._given_weights()  # set by hand on a network that was never fitted
        first = given is not None or not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._check_rows(X, y, reset=first)
        truth = self._encode(y, first, incremental)
        samples = _num_samples(X)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        if groups is not None and (validation_data is not None or not self.early_stopping):
            raise InputError("groups say which rows early_stopping sets aside together; here it sets none aside")
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        goes_on = not first and self._is_as_left()
        random_state = self._orders.random_state if goes_on else check_random_state(self.random_state)
        self.n_outputs_, activation, metric = self._shape_of_outputs(truth)
        if first:
            self._split, self._preparation = None, None
        splits = self.early_stopping and self.solver != LBFGS and validation_data is None

        def split_rows() -> tuple[Array | None, Array | None]:
            return self._split_rows(y, groups, random_state) if splits else (None, None)

        raw = X
        if self.preprocess is not None:  # what is fitted to columns sees the training rows alone
            training, validation = split_rows()
            if first:
                self._preparation = fit_preprocessor(X, self.categorical_features, training)
            assert self._preparation is not None
            X = self._preparation.transform(X, self._dtype_for(X))
        dtype = self._dtype_for(X)
        output = find_activation(activation if self.out_activation is None else self.out_activation)
        loss = self._loss_for(self.n_outputs_, dtype)
        loss = as_reported(loss) if self.solver == LBFGS else loss
        if not isinstance(self.loss, str):
            check_own_loss(loss, truth, self.n_outputs_)
        tables = () if self._preparation is None else self._preparation.embedding_shapes
        structure = build_structure(X.shape[1], hidden, self.activation, output, self.n_outputs_, tables)
        if not first and structure.layer_sizes != self._structure.layer_sizes:
            raise ValueError(
                f"this network has layers of {self._structure.layer_sizes} units, and X, y and hidden_layer_sizes ask "
                f"for {structure.layer_sizes}; a network keeps its layers: fit with warm_start=False to begin anew"
            )
        if given is not None:
            vector = structure.flatten(given, dtype)
        else:
            vector = self._first_weights(structure, random_state, dtype, X.dtype) if first else self._vector_in_use()
        if self.preprocess is None:  # scikit-learn draws weights before it splits
            training, validation = split_rows()
        learned = samples if training is None else len(training)
        settings = to_settings(self, loss, learned, 1 if incremental else int(self.max_iter), dtype, incremental)
        settings.objective(structure)  # what does not go together is refused before anything moves
        callbacks = self._listed_callbacks()
        if first:
            self._begin(structure, vector)
        self._fit_target(truth, training, first)
        judged = self._judged(validation_data, validation, raw, y, truth, sample_weight)
        if not goes_on or not _can_take(self._state, settings):
            self._orders = Orders(random_state, bool(self.shuffle))
            self._state = init_state(structure, settings, vector, self._orders)
            if np.any(settings.dropout):
                self._state.rng = np.random.default_rng(random_state.randint(_LARGEST_SEED))
        self._orders.shuffle = bool(self.shuffle)
        self._orders.over(np.arange(samples) if training is None else training)
        if training is not None and not self.shuffle:
            settings = replace(settings, shuffle=True)  # scikit-learn's split leaves the rows in an order of its own

        rows = X if self.solver != LBFGS else X.astype(np.float64, copy=False)
        data = (rows, self._transformed(truth), self._row_weights(y, sample_weight))
        metric = NO_METRIC if self.solver == LBFGS else metric
        handed = None if judged is None else (judged.x, self._transformed(judged.truth), judged.sample_weight)
        run = build_run(
            structure, settings, data, handed if validation is None else validation, None, metric, self._state
        )
        self._structure, self.engine_ = structure, run.engine.name
        self._name_parameters(self._state.weights.eval_parameters)
        watched = self._score_of(judged) if self.early_stopping and judged is not None else None
        self._progress.turn_to(watched is not None, self._keeps_best())
        if self.solver != LBFGS:
            assert isinstance(run.source, InMemory)
            constant = self._constant(truth, run.source.rows.sample_weight)
            callbacks.insert(0, self._convergence(watched, constant))
        run_training(run, callbacks)
        return self._keep(run, incremental)

    def _dtype_for(self, X: Any) -> str:
        """Return the network's dtype: float64 for L-BFGS, else what is asked for, else X's, float32 for tables."""
        if self.solver == LBFGS:
            return "float64"
        if self.dtype is not None:
            return np.dtype(self.dtype).name
        return str(X.dtype) if getattr(X, "dtype", None) in DTYPES else "float32"

    def _check_rows(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        """Check rows and targets as scikit-learn does; tables to be prepared are checked where they are prepared."""
        if self.preprocess is None:
            try:
                X, y = validate_data(
                    self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=DTYPES, reset=reset,
                    y_numeric=not self._classifies,
                )  # fmt: skip
            except ValueError as error:
                if "NaN" in str(error) or "could not convert" in str(error):
                    error.add_note("Or fit with preprocess='auto', which fills in missing values and encodes text.")
                raise
        else:
            validate_data(self, X, reset=reset, skip_check_array=True)
            y = _check_y(y, multi_output=True, y_numeric=not self._classifies, estimator=self)
            check_consistent_length(X, y)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _first_weights(
        self, structure: Structure, random_state: np.random.RandomState, dtype: str, rows_dtype: Any
    ) -> Array:
        """Draw the first parameters: scikit-learn's draws, or those of an initializer by name."""
        if self.initializer is None:
            hidden = structure.activations[0] if structure.n_layers > 1 else find_activation(self.activation)
            drawn = draw_weights(structure, random_state, rows_dtype, hidden.name == "sigmoid")
            return drawn.astype(dtype, copy=False)
        rng = np.random.default_rng(random_state.randint(_LARGEST_SEED))
        return initialize(structure, rng, self.initializer, dtype)

    def _begin(self, structure: Structure, vector: Array) -> None:
        """Set what scikit-learn sets before the first epoch."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = structure.n_layers + 1
        self.out_activation_, self.engine_ = spoken(structure.activations[-1]), "reference"
        self.n_parameters_ = structure.n_parameters
        self.history_ = History()
        self._structure = structure
        self._progress = Progress([] if self.early_stopping else None)
        self._name_parameters(vector)

    def _is_as_left(self) -> bool:
        """Say whether nobody has changed the parameters since the last fit: then it can go on where it stood."""
        return hasattr(self, "_state") and _checksum(self._vector_in_use()) == self._left

    def _split_rows(self, y: Array, groups: Any, random_state: np.random.RandomState) -> tuple[Array, Array]:
        """Return the rows to learn from and those to validate on; the same ones as before where fit goes on."""
        if self._split is None or self._split[2] != len(y):
            # scikit-learn keeps the shares of the classes where there are two of them
            stratify = self.n_outputs_ == 1 if self.stratify is None else self.stratify
            by_class = y if self._classifies and stratify and groups is None else None
            if by_class is not None and self._kind == "binary":
                by_class = y[:, np.newaxis] == self.classes_[-1]  # scikit-learn's message lists these: True, False
            try:
                rows = validation_split(
                    len(y), self.validation_fraction, random_state, stratify=by_class, groups=groups
                )
                if len(rows[1]) < 2:
                    raise ValueError(
                        "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
                    )
            except ValueError as error:
                if "least populated classes" in str(error):
                    classes, counts = np.unique(y, return_counts=True)
                    error.add_note(f"Classes with one row: {classes[counts == 1].tolist()}")
                raise
            self._split = (*rows, len(y))
        return self._split[:2]

    def _judged(
        self, data: Any, chosen: Array | None, X: Any, y: Array, truth: Array, sample_weight: Array | None
    ) -> _Judged | None:
        """Return the rows that are validated on: handed over, or chosen from the rest; None if there are none."""
        if chosen is not None:
            w = None if sample_weight is None else sample_weight[chosen]
            return _Judged(lambda: _safe_indexing(X, chosen), None, y[chosen], truth[chosen], w)
        if data is None:
            return None
        if not isinstance(data, tuple) or len(data) not in (2, 3):
            raise InputError("validation_data must be a tuple (X, y) or (X, y, sample_weight)")
        X, y = self._check_rows(data[0], data[1], reset=False)
        w = None if len(data) == 2 or data[2] is None else _check_sample_weight(data[2], X)
        x = X if self._preparation is None else self._preparation.transform(X, self._dtype_for(X))
        return _Judged(lambda: X, x, y, self._encode(y, False, True), w)

    def _score_of(self, judged: _Judged) -> Callable[[Run], float]:
        """Return what says how good the network is on the rows that are validated on."""
        if self.scoring is None:

            def default_score(run: Run) -> float:
                output = run.eval_outputs["validation"]
                if not np.isfinite(output).all():
                    return np.nan
                return self._score_outputs(output, judged.truth, judged.sample_weight)

            return default_score
        from sklearn.metrics import get_scorer

        scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
        X, w = judged.rows(), {} if judged.sample_weight is None else {"sample_weight": judged.sample_weight}

        def score(run: Run) -> float:
            self._name_parameters(run.weights.eval_parameters)  # scikit-learn's scorers call predict
            return float(scorer(self, X, judged.y, **w))

        return score

    def _constant(self, truth: Array, weights: Array | None) -> Callable[[Run], float]:
        """Return what an epoch's loss has besides what was learned from, batch by batch as scikit-learn adds it up."""
        each = self._unlearned_loss(truth)
        w = np.ones(len(truth)) if weights is None else weights

        def constant(run: Run) -> float:
            if each is None:
                return 0.0
            order, batch = self._orders.last, run.settings.batch_size
            starts = np.arange(0, len(order), batch)
            means = np.add.reduceat((each * w)[order], starts) / np.add.reduceat(w[order], starts)
            return float(np.dot(means, np.diff([*starts, len(order)])) / len(order))

        return constant

    def _convergence(self, score: Callable[[Run], float] | None, constant: Callable[[Run], float]) -> Convergence:
        criteria = sklearn_criteria(
            score is not None,
            tol=self.tol if self.min_delta is None else self.min_delta,
            n_iter_no_change=self.n_iter_no_change if self.patience is None else self.patience - 1,
        )
        schedule = self.learning_rate if self.solver == SGD else "constant"
        return Convergence(
            self._progress,
            score,
            criteria=criteria,
            learning_rate=LearningRate(schedule, float(self.learning_rate_init), self.power_t),
            keep_best=self._keeps_best(),
            constant=constant,
            verbose=bool(self.verbose),
        )

    def _keeps_best(self) -> bool:
        """Say whether this fit ends with the parameters of its best epoch; L-BFGS's last ones are its best."""
        keeps = self.early_stopping if self.restore_best_weights is None else self.restore_best_weights
        return bool(keeps) and self.solver != LBFGS

    def _listed_callbacks(self) -> list[Callback]:
        if self.callbacks is None:
            return []
        callbacks = list(self.callbacks) if isinstance(self.callbacks, Iterable) else [self.callbacks]
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise InputError(
                    f"callbacks holds {callback!r:.80}; each must be an instance of glassnet.Callback, such as "
                    "ProgressBar()"
                )
        return callbacks

    def _keep(self, run: Run, incremental: bool) -> Any:
        """Set scikit-learn's attributes from what a run came to, and warn as it does."""
        progress = self._progress
        vector, _ = run.result()
        run.weights.eval_parameters[...] = vector  # the last good ones, where the run ended in the middle of an epoch
        watched = progress.scores is not None
        if run.message and watched:
            progress.add_diverged_epoch(vector if self._keeps_best() else None)
        best = progress.best_vector
        self._name_parameters(run.weights.eval_parameters if best is None else best.copy())
        self._left = _checksum(self._vector)
        for epoch in run.history:
            self.history_.append(replace(epoch, epoch=len(self.history_) + 1))
        if run.lbfgs_result is not None:
            self.n_iter_ = _check_optimize_result("lbfgs", run.lbfgs_result, self.max_iter)
            self.loss_ = run.lbfgs_result.fun
        else:
            self.n_iter_ = len(run.history) + (1 if run.message and watched else 0)
            self.t_ = progress.samples
            self.loss_curve_, self.loss_ = progress.losses, progress.losses[-1] if progress.losses else np.nan
            self.best_loss_ = None if watched else progress.best_loss
            self.validation_scores_, self.best_validation_score_ = progress.scores, None
            if watched:
                self.best_validation_score_ = progress.best_score
        if run.message and best is not None:
            warnings.warn(run.message, DivergenceWarning, stacklevel=4)
        elif run.message:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. ({run.message})"
            )
        if run.stop_reason == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=4)
        elif run.stop_reason == "all epochs done" and run.lbfgs_result is None and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter:d}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return self

    def _restore(self, structure: Structure, vector: Array, preparation: Any, scaling: Any) -> None:
        """Bring back what a file says of the network."""
        self._begin(structure, vector)
        self._preparation = preparation
        self.n_outputs_, self._target_scaling = structure.n_outputs, scaling

    def _go_on_counting(self) -> None:
        """Take up what a file says of the epochs so far."""
        progress = self._progress
        progress.samples, progress.losses = self.t_, list(getattr(self, "loss_curve_", []))
        progress.scores = getattr(self, "validation_scores_", None)
        # NaN is the loss and the score of an epoch that diverged
        progress.best_loss = min((loss for loss in progress.losses if not np.isnan(loss)), default=np.inf)
        progress.best_score = max((score for score in progress.scores or [] if not np.isnan(score)), default=-np.inf)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if self.preprocess is not None:
            tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _can_take(state: TrainingState, settings: Settings) -> bool:
    """Say whether an optimizer's memory suits another training."""
    optimizer_state, dtype = state.weights.state, state.weights.parameters.dtype
    wanted = () if settings.full_batch else settings.resolve_optimizer().moments
    average = (state.weights.ema is None) == (settings.ema_decay is None)
    return not settings.full_batch and tuple(optimizer_state.moments) == wanted and dtype == settings.dtype and average


def _checksum(vector: Array) -> int:
    return crc32(np.ascontiguousarray(vector).data)


def _hidden_sizes(sizes: Any) -> list[int]:
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(isinstance(size, (bool, np.bool_)) for size in sizes):
        raise TypeError("an integer is required")
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]
