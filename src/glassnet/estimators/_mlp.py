"""The base class of classifier and regressor: a fit, from parameters and rows to a trained network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from glassnet._utils.arrays import Array
from glassnet._utils.sklearn_private import check_sample_weight
from glassnet.errors import InputError
from glassnet.estimators._base import DTYPES, BaseNetwork
from glassnet.estimators._call_plan import CallPlan, plan_key
from glassnet.estimators._convergence import Convergence, LearningRate, sklearn_criteria
from glassnet.estimators._custom_loss import check_custom_loss
from glassnet.estimators._export import ExportMixin
from glassnet.estimators._fit_rows import FitRows, FitRowsMixin, ValidationRows
from glassnet.estimators._fitted_attributes import FittedAttributesMixin
from glassnet.estimators._inspection import InspectionMixin
from glassnet.estimators._params import hidden_sizes_of, recommended_params, to_settings
from glassnet.estimators._sklearn_losses import with_sklearn_values
from glassnet.estimators._sklearn_names import SGD, build_structure, find_activation, sklearn_name
from glassnet.estimators._sklearn_rng import EpochShuffler, init_weights
from glassnet.metrics.registry import NO_METRIC, find_metric
from glassnet.network.initializers import initialize
from glassnet.network.losses import Loss
from glassnet.network.structure import Structure
from glassnet.preprocessing import Preprocessor
from glassnet.preprocessing.scaling import BYTE_SCALE
from glassnet.training import Callback, Settings
from glassnet.training.loop import build_run, run_training
from glassnet.training.run import Run
from glassnet.training.settings import LBFGS
from glassnet.training.source import InMemory
from glassnet.training.state import TrainingState, init_state

_MAX_SEED = 2**31 - 1


class NeuralNetwork(FitRowsMixin, FittedAttributesMixin, InspectionMixin, ExportMixin, BaseNetwork):
    """A feed-forward network with scikit-learn's interface; the base class of `MLPClassifier` and `MLPRegressor`."""

    # the state that a later fit or partial_fit resumes from, in addition to the model and scikit-learn's attributes
    _state: TrainingState
    _shuffler: EpochShuffler
    _random_state: np.random.RandomState
    _plan: CallPlan | None = None  # of the last call of partial_fit

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
        hidden = hidden_sizes_of(self.hidden_layer_sizes)
        init_params = self._initial_parameters()
        first = init_params is not None or not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y, truth, sample_weight = self._check_data(X, y, sample_weight, first, incremental)
        self._check_fit_arguments(validation_data, groups, incremental)
        resuming = not first and self._is_unchanged()
        if not resuming:
            self._random_state = check_random_state(self.random_state)
        if first:
            self._held_out = None
        self.n_outputs_, activation, metric = self._output_layer(truth)
        splits = self.early_stopping and self.solver != LBFGS and validation_data is None
        # scikit-learn draws the initial weights before it splits; preprocessing is fitted on training rows, after that
        splits_first = self.preprocess is not None or not self._uses_sklearn_streams
        training, validation = self._split_rows(y, groups) if splits and splits_first else (None, None)
        preprocessor = self._fit_preprocessor(X, training) if first else self._model.preprocessor
        x = self._transform(preprocessor, X)
        dtype = self._network_dtype(x)
        key = plan_key(vars(self), self._parameter_constraints, x, dtype) if incremental else None
        plan = self._plan if resuming and self._plan is not None and self._plan.has_key(key) else None
        structure = (
            plan.structure if plan else self._build_structure(preprocessor, x.shape[1], hidden, activation, first)
        )
        vector = self._initial_vector(structure, dtype, x.dtype, init_params, first)
        if splits and not splits_first:
            training, validation = self._split_rows(y, groups)
        rows = FitRows(X, x, y, truth, sample_weight, training, validation)
        settings = plan.settings if plan else self._resolve_settings(rows, structure, dtype, incremental)
        callbacks = self._list_callbacks()
        if first:
            self._start_attributes(self._new_model(structure, vector, preprocessor, settings))
        elif not plan:
            self._set_model(replace(self._model, structure=structure))  # an activation may have been replaced
        self._fit_target(truth, training, first)
        val_rows = self._validation_rows(validation_data, rows)
        self._prepare_state(structure, settings, vector, rows, resuming, plan)
        run = self._build_run(structure, settings, rows, val_rows, metric, plan)
        self._plan = None if key is None else CallPlan(key, structure, settings, run.engine)
        return self._train(run, callbacks, rows, val_rows, incremental)

    def _check_data(
        self, X: Any, y: Any, sample_weight: Any, first: bool, incremental: bool
    ) -> tuple[Any, Array, Array, Array | None]:
        """Return checked rows, targets, encoded targets and weights."""
        if not first:
            self._check_continuation()
        target_name = str(getattr(y, "name", None) or "y")  # of a pandas or polars Series
        X, y = self._check_rows(X, y, reset=first)
        truth = self._encode(y, first, incremental)
        if first:
            self._target = replace(self._target, name=target_name)
        weights = None if sample_weight is None else check_sample_weight(sample_weight, X)
        return X, y, truth, weights

    def _train(
        self, run: Run, callbacks: list[Callback], rows: FitRows, val_rows: ValidationRows | None, incremental: bool
    ) -> Any:
        """Run the training, with scikit-learn's convergence rules, and set the fitted attributes."""
        self.engine_ = run.engine.name
        if self._model.vector is not run.weights.eval_parameters:
            self._set_vector(run.weights.eval_parameters)
        val_score = self._validation_score(val_rows) if self.early_stopping and val_rows is not None else None
        self._progress.turn_to(val_score is not None, self._keeps_best())
        if self.solver != LBFGS:
            assert isinstance(run.source, InMemory)
            constant = self._constant_of_epoch(rows.truth, run.source.rows.sample_weight)
            callbacks.insert(0, self._convergence(val_score, constant))
        run_training(run, callbacks)
        return self._set_fitted_attributes(run, rows, run.settings, incremental)

    @property
    def _uses_sklearn_streams(self) -> bool:
        """Whether weights, order and split are drawn as scikit-learn draws them: unless an initializer is given."""
        return self.initializer is None

    def _check_fit_arguments(self, validation_data: Any, groups: Any, incremental: bool) -> None:
        if groups is not None and (validation_data is not None or not self.early_stopping):
            raise InputError("groups are kept together when early_stopping holds out rows; here it holds out none")
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _check_partial_fit(self) -> None:
        """Raise InputError where the first call of partial_fit would need rows that come later."""
        if hasattr(self, "coefs_") and "_model" in vars(self):
            return
        for name in ("preprocess", "target_transform"):
            value = getattr(self, name, None)
            if value is not None:
                raise InputError(
                    f"{name}={value!r} takes its statistics from the rows of the first fit, and partial_fit has only "
                    "some of them; call fit on representative rows first (max_iter=1 is enough), with every category "
                    "and the usual range of each column, and continue with partial_fit"
                )

    def _check_continuation(self) -> None:
        """Raise InputError where a parameter that the fitted network is built on was changed."""
        quantiles = getattr(self, "quantiles", None)
        scales_target = getattr(self, "target_transform", None) is not None
        changed = {
            "preprocess": self.preprocess != self._preprocess,
            "quantiles": tuple(map(float, () if quantiles is None else quantiles)) != self._target.quantiles,
            "target_transform": scales_target != (self._target.scaling is not None),
        }
        for name in (name for name, is_changed in changed.items() if is_changed):
            raise InputError(
                f"{name} is now {getattr(self, name)!r:.60}, and the network was fitted with another one; set it back, "
                "or start again: fit with warm_start=False"
            )

    def _build_structure(
        self, preprocessor: Preprocessor, columns: int, hidden: list[int], activation: str, first: bool
    ) -> Structure:
        """Return the layers; raise ValueError if a resumed fit would change them."""
        output = find_activation(activation if self.out_activation is None else self.out_activation)
        embeddings = preprocessor.embedding_shapes
        structure = build_structure(columns, hidden, self.activation, output, self.n_outputs_, embeddings)
        if first:
            return structure
        fitted = self._model.structure
        if structure.layer_sizes != fitted.layer_sizes:
            raise ValueError(
                f"this network has layers of {fitted.layer_sizes} units, and X, y and hidden_layer_sizes ask for "
                f"{structure.layer_sizes}; a network keeps its layers: fit with warm_start=False to start again"
            )
        if output.name != fitted.activations[-1].name:
            raise InputError(
                f"the output layer of this network has the activation {self.out_activation_!r}, and loss and "
                f"out_activation ask for {sklearn_name(output)!r}; set them back, or fit with warm_start=False"
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

    def _resolve_settings(self, rows: FitRows, structure: Structure, dtype: str, incremental: bool) -> Settings:
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

    def _prepare_state(
        self, structure: Structure, settings: Settings, vector: Array | None, rows: FitRows, resuming: bool,
        plan: CallPlan | None,
    ) -> None:  # fmt: skip
        """Create the training state, or keep the one that this fit resumes from."""
        keeps_state = resuming and (plan is not None or _fits_settings(self._state, settings))
        if keeps_state:
            self._state.discard_unfinished_epoch()
        indices = np.arange(len(rows.truth)) if rows.training is None else rows.training
        if not self._uses_sklearn_streams:
            if not keeps_state:
                rng = np.random.default_rng(settings.random_state)
                if vector is None:
                    vector = initialize(structure, rng, self.initializer, settings.dtype)
                self._state = init_state(structure, settings, vector)
                self._state.rng = rng
            return
        if not keeps_state:
            self._shuffler = EpochShuffler(self._random_state, bool(self.shuffle))
            self._state = init_state(structure, settings, vector, self._shuffler)
            if np.any(settings.dropout):
                self._state.rng = np.random.default_rng(self._random_state.randint(_MAX_SEED))
        self._shuffler.shuffle = bool(self.shuffle)
        self._shuffler.begin(indices)

    def _build_run(
        self, structure: Structure, settings: Settings, rows: FitRows, val_rows: ValidationRows | None, metric: str,
        plan: CallPlan | None,
    ) -> Run:  # fmt: skip
        x = rows.x if self.solver != LBFGS else rows.x.astype(np.float64, copy=False)
        data = (x, self._scale_target(rows.truth), self._row_weights(rows.y, rows.sample_weight))
        if plan is not None:
            return plan.build_run(data, find_metric(metric), self._state)
        validation: Any = rows.validation
        if validation is None and val_rows is not None:
            validation = (val_rows.x, self._scale_target(val_rows.truth), val_rows.sample_weight)
        metric = NO_METRIC if self.solver == LBFGS else metric
        return build_run(structure, settings, data, validation, None, metric, self._state, BYTE_SCALE)

    def _constant_of_epoch(self, truth: Array, weights: Array | None) -> Callable[[Run], float]:
        """Return what scikit-learn's loss of an epoch has in addition, batch by batch as it adds it up."""
        each = self._constant_loss(truth)
        w = np.ones(len(truth)) if weights is None else weights

        def constant(run: Run) -> float:
            if each is None:
                return 0.0
            order = self._shuffler.last if self._uses_sklearn_streams else None
            order = np.arange(len(truth)) if order is None else order
            starts = np.arange(0, len(order), run.settings.batch_size)
            total_weights = np.add.reduceat(w[order], starts)
            counted = total_weights > 0
            means = np.add.reduceat((each * w)[order], starts)[counted] / total_weights[counted]
            return float(np.average(means, weights=np.diff([*starts, len(order)])[counted]))

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        if self.preprocess == "auto":
            tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _fits_settings(state: TrainingState, settings: Settings) -> bool:
    """Return whether the optimizer's state can be used by another training."""
    optimizer_state = state.weights.state
    dtype = state.weights.parameters.dtype
    moments = () if settings.full_batch else settings.resolve_optimizer().moments
    average = (state.weights.ema is None) == (settings.ema_decay is None)
    return not settings.full_batch and tuple(optimizer_state.moments) == moments and dtype == settings.dtype and average
