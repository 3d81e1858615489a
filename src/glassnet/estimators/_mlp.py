"""What classifier and regressor share: from parameters and rows to a trained network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any
from zlib import crc32

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import (
    check_consistent_length,
    validate_data,
)

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import check_optimize_result, check_sample_weight, check_y, safe_indexing
from glassnet._version import __version__
from glassnet.errors import InputError
from glassnet.estimators._base import DTYPES, BaseNetwork
from glassnet.estimators._convergence import Convergence, LearningRate, Progress, sklearn_criteria
from glassnet.estimators._custom_loss import check_custom_loss
from glassnet.estimators._export import ExportMixin
from glassnet.estimators._inspection import InspectionMixin
from glassnet.estimators._params import recommended_params, to_settings
from glassnet.estimators._sklearn_losses import with_sklearn_values
from glassnet.estimators._sklearn_names import SGD, build_structure, find_activation, sklearn_name
from glassnet.estimators._sklearn_rng import EpochShuffler, init_weights
from glassnet.metrics.registry import NO_METRIC
from glassnet.models.fitting import encode_rows
from glassnet.models.model import Model, default_names
from glassnet.models.target import BINARY, Target
from glassnet.network.initializers import initialize
from glassnet.network.losses import Loss
from glassnet.network.schedules import SCHEDULES
from glassnet.network.structure import Structure
from glassnet.preprocessing import Preprocessor, Scaling, TablePreprocessor, fit_preprocessor
from glassnet.preprocessing.scaling import BYTE_SCALE, fit_scaling, identity_scaling
from glassnet.training import Callback, Settings
from glassnet.training.history import History
from glassnet.training.loop import DivergenceWarning, build_run, run_training
from glassnet.training.run import Run
from glassnet.training.settings import LBFGS
from glassnet.training.source import InMemory
from glassnet.training.state import TrainingState, init_state
from glassnet.training.validation_split import validation_split

_MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class _ValidationRows:
    """Rows that are validated on: as given, as inputs of the network, their encoded targets and weights."""

    rows: Callable[[], Any]
    x: Any
    y: Array
    truth: Array
    sample_weight: Array | None


@dataclass(frozen=True)
class _Rows:
    """The rows of one call of fit: as given, as inputs of the network, their targets, weights, and their split."""

    raw: Any
    x: Any
    y: Array
    truth: Array
    sample_weight: Array | None
    training: Array | None
    validation: Array | None

    @property
    def n_training(self) -> int:
        """The number of rows that are trained on."""
        return len(self.truth) if self.training is None else len(self.training)


class NeuralNetwork(InspectionMixin, ExportMixin, BaseNetwork):
    """A feed-forward network with scikit-learn's interface; the base class of `MLPClassifier` and `MLPRegressor`."""

    # beside the model and scikit-learn's attributes, what a later fit or partial_fit goes on from
    _target: Target
    _state: TrainingState
    _shuffler: EpochShuffler
    _progress: Progress
    _random_state: np.random.RandomState
    _split: tuple[Array, Array, int] | None
    _checksum_after_fit: int

    def _store_params(self, params: dict[str, Any]) -> None:
        """Store the arguments of the constructor as they are: fit checks them."""
        for name, value in params.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # ------------------------------------------------------------------------- defined by classifier and regressor

    _is_classifier: bool

    def _encode(self, y: Any, first: bool, incremental: bool) -> Array:
        """Check the targets, set `_target`, and return the truth as the network is trained on it."""
        raise NotImplementedError

    def _output_layer(self, truth: Array) -> tuple[int, str, str]:
        """Return the number of outputs, their default activation, and the metric of the history."""
        raise NotImplementedError

    def _score_outputs(self, output: Array, truth: Array, sample_weight: Array | None) -> float:
        """Return what `score` would return for these outputs."""
        raise NotImplementedError

    def _resolve_loss(self, outputs: int, dtype: Any) -> Loss:
        """Return the loss that the parameters ask for."""
        raise NotImplementedError

    def _row_weights(self, y: Any, sample_weight: Array | None) -> Array | None:
        """Return the weight of each row."""
        return sample_weight

    def _constant_loss(self, truth: Array) -> Array | None:
        """Return, for each row, the part of scikit-learn's loss that no parameter changes; None for nothing."""
        return None

    def _fit_target(self, truth: Array, training: Array | None, first: bool) -> None:
        """Fit the scaling of the target on the training rows."""

    def _scale_target(self, truth: Array) -> Array:
        """Return the truth as the network is trained on it."""
        return truth

    @classmethod
    def recommended(cls, **overrides: Any) -> Any:
        """Return an estimator with the recommended parameters: those that `glassnet.fit` and ``glassnet train`` use.

        They are ordinary parameters, which ``get_params`` shows. With the same rows, `fit` ends in the same parameters
        of the network as `glassnet.fit`, bit for bit.

        Parameters
        ----------
        **overrides
            Parameters that replace recommended ones.
        """
        return cls(**(recommended_params(cls._is_classifier) | overrides))

    # ------------------------------------------------------------------------------------------------------ training

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: Any = None,
        groups: Any = None,
        incremental: bool = False,
    ) -> Any:
        """Train: on all rows for many epochs, or, incremental, on some rows for one epoch."""
        hidden = _hidden_sizes(self.hidden_layer_sizes)
        init_params = self._initial_parameters()
        first = init_params is not None or not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        target_name = str(getattr(y, "name", None) or "y")  # of a pandas or polars Series
        X, y = self._check_rows(X, y, reset=first)
        truth = self._encode(y, first, incremental)
        if first:
            self._target = replace(self._target, name=target_name)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        self._check_fit_arguments(validation_data, groups, incremental)
        resuming = not first and self._is_unchanged()
        if not resuming:
            self._random_state = check_random_state(self.random_state)
        if first:
            self._split = None
        self.n_outputs_, activation, metric = self._output_layer(truth)
        splits = self.early_stopping and self.solver != LBFGS and validation_data is None
        # scikit-learn draws the initial weights before it splits; preprocessing is fitted on training rows, after that
        splits_first = self.preprocess is not None or not self._uses_sklearn_streams
        training, validation = self._split_rows(y, groups) if splits and splits_first else (None, None)
        preprocessor = self._fit_preprocessor(X, training) if first else self._model.preprocessor
        x = self._transform(preprocessor, X)
        dtype = self._network_dtype(x)
        structure = self._build_structure(preprocessor, x.shape[1], hidden, activation, first)
        vector = self._initial_vector(structure, dtype, x.dtype, init_params, first)
        if splits and not splits_first:
            training, validation = self._split_rows(y, groups)
        rows = _Rows(X, x, y, truth, sample_weight, training, validation)
        settings = self._resolve_settings(rows, structure, dtype, incremental)
        callbacks = self._list_callbacks()
        if first:
            self._start_attributes(self._new_model(structure, vector, preprocessor, settings))
        self._fit_target(truth, training, first)
        val_rows = self._validation_rows(validation_data, rows)
        self._prepare_state(structure, settings, vector, rows, resuming)
        run = self._build_run(structure, settings, rows, val_rows, metric)
        self.engine_ = run.engine.name
        self._set_vector(self._state.weights.eval_parameters)
        val_score = self._validation_score(val_rows) if self.early_stopping and val_rows is not None else None
        self._progress.turn_to(val_score is not None, self._keeps_best())
        if self.solver != LBFGS:
            assert isinstance(run.source, InMemory)
            constant = self._constant_of_epoch(truth, run.source.rows.sample_weight)
            callbacks.insert(0, self._convergence(val_score, constant))
        run_training(run, callbacks)
        return self._set_fitted_attributes(run, rows, settings, incremental)

    @property
    def _uses_sklearn_streams(self) -> bool:
        """Whether weights, order and split are drawn as scikit-learn draws them: unless an initializer is given."""
        return self.initializer is None

    def _check_fit_arguments(self, validation_data: Any, groups: Any, incremental: bool) -> None:
        if groups is not None and (validation_data is not None or not self.early_stopping):
            raise InputError("groups are kept together when early_stopping holds out rows; here it holds out none")
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _network_dtype(self, x: Any) -> str:
        """Return the network's dtype: float64 for L-BFGS, else `dtype`, else that of x, float32 for tables."""
        if self.solver == LBFGS:
            return "float64"
        if self.dtype is not None:
            return np.dtype(self.dtype).name
        return str(x.dtype) if getattr(x, "dtype", None) in DTYPES else "float32"

    def _check_rows(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        """Check rows and targets as scikit-learn does; tables are checked where they are preprocessed."""
        if self.preprocess == "auto":
            validate_data(self, X, reset=reset, skip_check_array=True)
            y = check_y(y, multi_output=True, y_numeric=not self._is_classifier, estimator=self)
            check_consistent_length(X, y)
        else:
            dtype = DTYPES if self.preprocess is None else "numeric"
            try:
                X, y = validate_data(
                    self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=dtype, reset=reset,
                    y_numeric=not self._is_classifier,
                )  # fmt: skip
            except ValueError as error:
                if "NaN" in str(error) or "could not convert" in str(error):
                    error.add_note("Or fit with preprocess='auto', which fills in missing values and encodes text.")
                raise
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _fit_preprocessor(self, X: Any, training: Array | None) -> Preprocessor:
        """Fit the preprocessor that `preprocess` asks for on the training rows."""
        if self.preprocess is None:
            return identity_scaling(X.shape[1])
        if self.preprocess == "auto":
            return fit_preprocessor(X, self.categorical_features, training)
        return fit_scaling(X if training is None else X[training])

    def _transform(self, preprocessor: Preprocessor, X: Any) -> Any:
        """Return rows as inputs of the network, pixels as bytes."""
        if self.preprocess is None:
            return X
        if not isinstance(preprocessor, Scaling):
            return preprocessor.transform(X, self._network_dtype(X))
        dtype = self._network_dtype(X)
        rows = Model(Structure((X.shape[1], 1), ("identity",)), np.empty(0, dtype), preprocessor,
                     default_names(X.shape[1]), Target("regression"))  # fmt: skip
        return encode_rows(rows, X)

    def _build_structure(
        self, preprocessor: Preprocessor, columns: int, hidden: list[int], activation: str, first: bool
    ) -> Structure:
        """Return the layers; raise ValueError where fit goes on and they would be others."""
        output = find_activation(activation if self.out_activation is None else self.out_activation)
        tables = preprocessor.embedding_shapes
        structure = build_structure(columns, hidden, self.activation, output, self.n_outputs_, tables)
        if not first and structure.layer_sizes != self._model.structure.layer_sizes:
            raise ValueError(
                f"this network has layers of {self._model.structure.layer_sizes} units, and X, y and "
                f"hidden_layer_sizes ask for {structure.layer_sizes}; a network keeps its layers: fit with "
                "warm_start=False to start again"
            )
        return structure

    def _initial_vector(
        self, structure: Structure, dtype: str, rows_dtype: Any, init_params: dict[str, Array] | None, first: bool
    ) -> Array | None:
        """Return the parameters to start from; None where they are drawn together with the training state."""
        if init_params is not None:
            return structure.flatten(init_params, dtype)
        if not first:
            return self._current_vector()
        if not self._uses_sklearn_streams:
            return None
        hidden = structure.activations[0] if structure.n_layers > 1 else find_activation(self.activation)
        drawn_dtype = rows_dtype if rows_dtype in DTYPES else dtype
        drawn = init_weights(structure, self._random_state, drawn_dtype, hidden.name == "sigmoid")
        return drawn.astype(dtype, copy=False)

    def _resolve_settings(self, rows: _Rows, structure: Structure, dtype: str, incremental: bool) -> Settings:
        """Return the settings of this fit; raise where parameters do not go together, before anything changes."""
        loss = self._resolve_loss(self.n_outputs_, dtype)
        loss = with_sklearn_values(loss) if self.solver == LBFGS else loss
        if not isinstance(self.loss, str):
            check_custom_loss(loss, rows.truth, self.n_outputs_)
        settings = to_settings(self, loss, rows.n_training, dtype, incremental)
        if not self._uses_sklearn_streams:
            given = isinstance(self.random_state, Integral)
            seed = int(self.random_state) if given else int(self._random_state.randint(_MAX_SEED))
            settings = replace(settings, random_state=seed)
        elif rows.training is not None and not self.shuffle:
            settings = replace(settings, shuffle=True)  # scikit-learn's split leaves the rows in an order of its own
        settings.objective(structure)
        return settings

    def _new_model(
        self, structure: Structure, vector: Array | None, preprocessor: Preprocessor, settings: Settings
    ) -> Model:
        """Return the model before its first epoch."""
        names: Any = getattr(self, "feature_names_in_", None)
        if isinstance(preprocessor, TablePreprocessor):
            names = preprocessor.names
        elif names is None:
            names = default_names(self.n_features_in_)
        vector = structure.new_vector(settings.dtype) if vector is None else vector
        return Model(structure, vector, preprocessor, tuple(names), self._target, settings)

    def _start_attributes(self, model: Model) -> None:
        """Set what scikit-learn sets before the first epoch."""
        structure = model.structure
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = structure.n_layers + 1
        self.out_activation_ = sklearn_name(structure.activations[-1])
        self.engine_ = "reference"
        self.n_parameters_ = structure.n_parameters
        self.history_ = History()
        self._progress = Progress([] if self.early_stopping else None)
        self._set_model(model)

    def _is_unchanged(self) -> bool:
        """Return whether the parameters are those that the last fit left: then training resumes where it ended."""
        return hasattr(self, "_state") and _checksum(self._current_vector()) == self._checksum_after_fit

    def _split_rows(self, y: Array, groups: Any) -> tuple[Array, Array]:
        """Return the rows to train on and those to validate on; the same as before where training resumes."""
        if self._split is None or self._split[2] != len(y):
            # scikit-learn keeps the shares of the classes where there are two of them
            stratify = self.n_outputs_ == 1 if self.stratify is None else self.stratify
            by_class = y if self._is_classifier and stratify and groups is None else None
            if by_class is not None and self._target.kind == BINARY:
                by_class = y[:, np.newaxis] == self.classes_[-1]  # scikit-learn's message lists these: True, False
            try:
                rows = validation_split(
                    len(y), self.validation_fraction, self._random_state, stratify=by_class, groups=groups
                )
            except ValueError as error:
                if "least populated classes" in str(error):
                    classes, counts = np.unique(y, return_counts=True)
                    error.add_note(f"Classes with one row: {classes[counts == 1].tolist()}")
                raise
            if len(rows[1]) < 2:
                raise ValueError(
                    "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
                )
            self._split = (*rows, len(y))
        return self._split[:2]

    def _validation_rows(self, data: Any, rows: _Rows) -> _ValidationRows | None:
        """Return the rows that are validated on: given, or held out; None if there are none."""
        held_out = rows.validation
        if held_out is not None:
            w = None if rows.sample_weight is None else rows.sample_weight[held_out]
            raw = rows.raw
            return _ValidationRows(
                lambda: safe_indexing(raw, held_out), None, rows.y[held_out], rows.truth[held_out], w
            )
        if data is None:
            return None
        if not isinstance(data, tuple) or len(data) not in (2, 3):
            raise InputError("validation_data must be a tuple (X, y) or (X, y, sample_weight)")
        X, y = self._check_rows(data[0], data[1], reset=False)
        w = None if len(data) == 2 or data[2] is None else check_sample_weight(data[2], X)
        x = self._transform(self._model.preprocessor, X)
        return _ValidationRows(lambda: X, x, y, self._encode(y, False, True), w)

    def _prepare_state(
        self, structure: Structure, settings: Settings, vector: Array | None, rows: _Rows, resuming: bool
    ) -> None:
        """Create the training state, or keep the one that this fit resumes from."""
        indices = np.arange(len(rows.truth)) if rows.training is None else rows.training
        if not self._uses_sklearn_streams:
            if not resuming or not _suits(self._state, settings):
                rng = np.random.default_rng(settings.random_state)
                if vector is None:
                    vector = initialize(structure, rng, self.initializer, settings.dtype)
                self._state = init_state(structure, settings, vector)
                self._state.rng = rng
            return
        if not resuming or not _suits(self._state, settings):
            self._shuffler = EpochShuffler(self._random_state, bool(self.shuffle))
            self._state = init_state(structure, settings, vector, self._shuffler)
            if np.any(settings.dropout):
                self._state.rng = np.random.default_rng(self._random_state.randint(_MAX_SEED))
        self._shuffler.shuffle = bool(self.shuffle)
        self._shuffler.set_indices(indices)

    def _build_run(
        self, structure: Structure, settings: Settings, rows: _Rows, val_rows: _ValidationRows | None, metric: str
    ) -> Run:
        x = rows.x if self.solver != LBFGS else rows.x.astype(np.float64, copy=False)
        data = (x, self._scale_target(rows.truth), self._row_weights(rows.y, rows.sample_weight))
        validation: Any = rows.validation
        if validation is None and val_rows is not None:
            validation = (val_rows.x, self._scale_target(val_rows.truth), val_rows.sample_weight)
        metric = NO_METRIC if self.solver == LBFGS else metric
        return build_run(structure, settings, data, validation, None, metric, self._state, BYTE_SCALE)

    def _validation_score(self, val_rows: _ValidationRows) -> Callable[[Run], float]:
        """Return a function that scores the network on the validation rows."""
        if self.scoring is None:

            def default_score(run: Run) -> float:
                output = run.eval_outputs["validation"]
                if not np.isfinite(output).all():
                    return np.nan
                return self._score_outputs(output, val_rows.truth, val_rows.sample_weight)

            return default_score
        from sklearn.metrics import get_scorer

        scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
        X = val_rows.rows()
        weights = {} if val_rows.sample_weight is None else {"sample_weight": val_rows.sample_weight}

        def score(run: Run) -> float:
            self._set_vector(run.weights.eval_parameters)  # scikit-learn's scorers call predict
            return float(scorer(self, X, val_rows.y, **weights))

        return score

    def _constant_of_epoch(self, truth: Array, weights: Array | None) -> Callable[[Run], float]:
        """Return what scikit-learn's loss of an epoch has in addition, batch by batch as it adds it up."""
        each = self._constant_loss(truth)
        w = np.ones(len(truth)) if weights is None else weights

        def constant(run: Run) -> float:
            if each is None:
                return 0.0
            order = self._shuffler.last if self._uses_sklearn_streams else np.arange(len(truth))
            starts = np.arange(0, len(order), run.settings.batch_size)
            means = np.add.reduceat((each * w)[order], starts) / np.add.reduceat(w[order], starts)
            return float(np.dot(means, np.diff([*starts, len(order)])) / len(order))

        return constant

    def _convergence(self, val_score: Callable[[Run], float] | None, constant: Callable[[Run], float]) -> Convergence:
        criteria = sklearn_criteria(
            val_score is not None,
            tol=self.tol if self.min_delta is None else self.min_delta,
            n_iter_no_change=self.n_iter_no_change if self.patience is None else self.patience - 1,
        )
        schedule = self.learning_rate if self.solver == SGD else "constant"
        return Convergence(
            self._progress,
            val_score,
            criteria=criteria,
            learning_rate=LearningRate(schedule, float(self.learning_rate_init), self.power_t),
            keep_best=self._keeps_best(),
            constant=constant,
            verbose=bool(self.verbose),
        )

    def _keeps_best(self) -> bool:
        """Return whether this fit ends with the parameters of its best epoch; L-BFGS's last ones are its best."""
        keeps = self.early_stopping if self.restore_best_weights is None else self.restore_best_weights
        return bool(keeps) and self.solver != LBFGS

    def _list_callbacks(self) -> list[Callback]:
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

    def _set_fitted_attributes(self, run: Run, rows: _Rows, settings: Settings, incremental: bool) -> Any:
        """Set scikit-learn's attributes and the model from the result of a run, and warn as scikit-learn does."""
        vector, best_epoch = run.result()
        run.weights.eval_parameters[...] = vector  # the last good ones, where the run ended in the middle of an epoch
        if run.message and self._progress.scores is not None:
            self._progress.add_diverged_epoch(vector if self._keeps_best() else None)
        best = self._progress.best_vector
        for epoch in run.history:
            self.history_.append(replace(epoch, epoch=len(self.history_) + 1))
        metadata = {
            "metric": run.metric.name,
            "engine": run.engine.name,
            "best_epoch": best_epoch,
            "stop_reason": run.stop_reason,
            "message": run.message,
            "training_rows": rows.n_training,
            "validation_rows": 0 if rows.validation is None else len(rows.validation),
            "source": "",
            "glassnet": __version__,
        }
        self._set_model(
            replace(
                self._model,
                vector=run.weights.eval_parameters if best is None else best.copy(),
                target=self._target,
                settings=settings,
                history=tuple(self.history_),
                metadata=metadata,
            )
        )
        self._checksum_after_fit = _checksum(self._model.vector)
        self._set_loss_attributes(run)
        self._warn_about_the_end(run, best is not None, incremental)
        return self

    def _set_loss_attributes(self, run: Run) -> None:
        progress = self._progress
        if run.lbfgs_result is not None:
            self.n_iter_ = check_optimize_result("lbfgs", run.lbfgs_result, run.settings.epochs)
            self.loss_ = run.lbfgs_result.fun
            return
        scored = progress.scores is not None
        self.n_iter_ = len(run.history) + (1 if run.message and scored else 0)
        self.t_ = progress.samples
        self.loss_curve_ = progress.losses
        self.loss_ = progress.losses[-1] if progress.losses else np.nan
        self.best_loss_ = None if scored else progress.best_loss
        self.validation_scores_ = progress.scores
        self.best_validation_score_ = progress.best_score if scored else None

    def _warn_about_the_end(self, run: Run, restored: bool, incremental: bool) -> None:
        """Warn, or raise ValueError where training diverged and there are no best parameters to return to."""
        if run.message and restored:
            warnings.warn(run.message, DivergenceWarning, stacklevel=5)
        elif run.message:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. ({run.message})"
            )
        if run.stop_reason == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif (
            run.stop_reason == "all epochs done" and run.lbfgs_result is None and not incremental and self._may_converge
        ):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({run.settings.epochs:d}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    @property
    def _may_converge(self) -> bool:
        """Whether reaching max_iter is worth a warning: not where the schedule is planned for that many epochs."""
        return self.learning_rate not in SCHEDULES or not SCHEDULES[self.learning_rate].needs_total_steps

    def _resume_counting(self) -> None:
        """Continue scikit-learn's counts from the attributes of an estimator that was loaded."""
        progress = self._progress
        progress.samples = self.t_
        progress.losses = list(getattr(self, "loss_curve_", []))
        progress.scores = getattr(self, "validation_scores_", None)
        # NaN is the loss and the score of an epoch that diverged
        progress.best_loss = min((loss for loss in progress.losses if not np.isnan(loss)), default=np.inf)
        progress.best_score = max((score for score in progress.scores or [] if not np.isnan(score)), default=-np.inf)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if self.preprocess == "auto":
            tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _suits(state: TrainingState, settings: Settings) -> bool:
    """Return whether the optimizer's state can be used by another training."""
    optimizer_state, dtype = state.weights.state, state.weights.parameters.dtype
    moments = () if settings.full_batch else settings.resolve_optimizer().moments
    average = (state.weights.ema is None) == (settings.ema_decay is None)
    return not settings.full_batch and tuple(optimizer_state.moments) == moments and dtype == settings.dtype and average


def _checksum(vector: Array) -> int:
    return crc32(np.ascontiguousarray(vector).data)


def _hidden_sizes(sizes: Any) -> list[int]:
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(isinstance(size, (bool, np.bool_)) for size in sizes):
        raise TypeError("an integer is required")
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]
