"""From files of any size to a model: a first pass, then training on a stream of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data import as_files, choose_target
from glassnet.errors import InputError
from glassnet.models.fitting import (
    build_model,
    build_structure,
    needs_target_scaling,
    training_metadata,
    untrained_metadata,
    warn_of_left_out,
)
from glassnet.models.model import Model
from glassnet.models.recommended import ACTIVATION, HIDDEN, recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION, Target
from glassnet.models.target_rule import check_task, choose_task, find_classes, warn_of_classes
from glassnet.preprocessing.column_choice import ColumnOptions
from glassnet.preprocessing.scaling import AUTO, Scaling, standard_scaling
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.streaming.profile import DatasetProfile, ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.streaming.stream_inputs import fit_stream_inputs
from glassnet.streaming.stream_source import BUFFER_BYTES, RowTransform, StreamSource
from glassnet.streaming.target_profile import MAX_CLASSES, TRAINING, VALIDATION, ClassEncoder, class_name
from glassnet.training import Callback, Settings, train


def fit_files(
    data: Any,
    target: str | None = None,
    *,
    group: str = "",
    validation_fraction: float = 0.1,
    hidden: Sequence[int] = HIDDEN,
    activation: str | Sequence[str] = ACTIVATION,
    task: str = "",
    settings: Settings | None = None,
    test: Any = None,
    callbacks: Iterable[Callback] = (),
    cache: bool = True,
    on_bad_row: str = "error",
    buffer_bytes: int = BUFFER_BYTES,
    ignore: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    dates: Sequence[str] = (),
    scaling: str = AUTO,
) -> Model:
    """Train a network on files or batches that may be larger than memory; otherwise as `glassnet.fit`.

    Parameters
    ----------
    data : str, Path, or sequence of them; or what `glassnet.data.as_files` takes
        A file, a folder, a pattern such as ``data/part-*.csv``, or several. Or an iterable of batches, a memory map, an
        array, a pair (x, y) or a data frame: it is read once before training and once in each epoch, without a cache.
    target : str, optional
        The column to predict; if not given, the one called label, target, class or y, else the last.
    group : str
        A column, such as a patient or a day, whose rows are held out together. It is not a feature.
    validation_fraction : float
        Fraction of the rows, or of the groups, that are held out. A hash of the row number or of the group decides, so
        that the split is the same in every pass and on every machine, for any seed.
    hidden, activation, task, settings, callbacks
        See `glassnet.fit`.
    test : as data, optional
        Rows whose loss and metric are reported after every epoch; they have no influence on the training.
    cache : bool
        Whether to cache the rows in binary form next to the files (in a folder ``.glassnet``, or in the user's cache
        folder), so that only the first pass parses text. Without a cache every pass does, and rows are shuffled within
        a buffer only.
    on_bad_row : str
        ``"error"``, or ``"skip"``: see `glassnet.data.open_files`.
    buffer_bytes : int
        Size of the buffer within which rows are shuffled; twice as much memory is used.
    ignore, categorical, numeric, dates, scaling
        See `glassnet.fit`.

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    InputError
        If an entry is invalid (file, row and column named), or arguments do not fit together.
    """
    columns = ColumnOptions(tuple(ignore), tuple(categorical), tuple(numeric), tuple(dates), scaling)
    files = as_files(data, on_bad_row=on_bad_row, kinds=columns.reading_kinds)
    columns.check(files.names, files.source)
    target = choose_target(files, target)
    options = ScanOptions(target, group, validation_fraction, on_bad_row, columns=columns)
    profile = scan_files(files, options, cache)
    held_out = None
    if test is not None:
        held_out = scan_test_files(profile, test, cache)
    return fit_stream(
        profile,
        hidden=hidden,
        activation=activation,
        task=task,
        settings=settings,
        test=held_out,
        callbacks=callbacks,
        buffer_bytes=buffer_bytes,
    )


def scan_test_files(profile: DatasetProfile, data: Any, cache: bool = True) -> DatasetProfile:
    """Scan test rows, which must have the columns of the training rows, by name."""
    options = profile.options
    names = tuple(profile.feature_names)
    test_options = ScanOptions(options.target, "", 0.0, options.on_bad_row, names, options.columns)
    return scan_files(as_files(data, on_bad_row=options.on_bad_row), test_options, cache)


def fit_stream(
    profile: DatasetProfile,
    *,
    hidden: Sequence[int] = HIDDEN,
    activation: str | Sequence[str] = ACTIVATION,
    task: str = "",
    settings: Settings | None = None,
    test: DatasetProfile | None = None,
    callbacks: Iterable[Callback] = (),
    buffer_bytes: int = BUFFER_BYTES,
) -> Model:
    """Train a network on files that have been scanned: see `fit_files`."""
    training, validation = profile.splits
    if not task:
        task = choose_task(profile.target_profile.unique, "" if settings is None else settings.resolve_loss().name).task
    settings = settings or recommended_settings(len(training), task)
    classes = _classes(profile, task)
    loss = settings.resolve_loss().name
    check_task(task, loss)
    _check_counts(profile, loss)
    if classes:
        warn_of_classes(classes, len(training), profile.options.target)
    inputs = fit_stream_inputs(profile)
    warn_of_left_out(inputs.left_out)
    target_scaling = standard_scaling(training.target) if needs_target_scaling(task, settings) else None
    untrained = Model(
        build_structure(
            inputs.preprocessor.n_inputs,
            hidden,
            activation,
            settings,
            len(classes) or 1,
            inputs.preprocessor.embedding_shapes,
        ),
        np.empty(0, settings.dtype),
        inputs.preprocessor,
        inputs.names,
        _target(profile, classes, target_scaling),
        settings,
        metadata=untrained_metadata(profile.source, inputs.left_out),
    )
    sources = [
        source_of(each, split, untrained, buffer_bytes) if each is not None and len(each.splits[split]) else None
        for each, split in ((profile, TRAINING), (profile, VALIDATION), (test, TRAINING))
    ]
    trained = train(
        untrained.structure,
        sources[0],
        None,
        settings,
        validation=sources[1],
        test=sources[2],
        metric="accuracy" if task == CLASSIFICATION else "r2",
        callbacks=callbacks,
    )
    return build_model(
        untrained, trained.vector, trained.history, len(training), len(validation), **training_metadata(trained)
    )


def _target(profile: DatasetProfile, classes: tuple[Any, ...], scaling: Scaling | None) -> Target:
    name = profile.options.target
    return Target.of_classes(classes, name) if classes else Target(REGRESSION, name, scaling=scaling)


def source_of(profile: DatasetProfile, split: int, model: Model, buffer_bytes: int = BUFFER_BYTES) -> StreamSource:
    """Return the training or the validation rows of files as a source for a model.

    Raises
    ------
    InputError
        If it holds a class that the model does not know, text for regression, or numbers too large for its dtype.
    """
    split_profile = profile.splits[split]
    dtype = model.vector.dtype
    position_of = {name: position for position, name in enumerate(profile.feature_names)}
    columns = tuple(position_of[name] for name in model.feature_names)
    if model.scaling is not None:
        _check_reach(profile, split_profile.features.take(columns), model.scaling, model.feature_names, dtype)
    if model.task == CLASSIFICATION:
        _check_classes(profile, model.classes)
        encode: Any = ClassEncoder(model.classes, profile.target_profile.texts)
        counts = profile.target_profile.class_counts(split, model.classes)
        places = np.arange(len(counts))
        mean = counts @ places / counts.sum()
        target_variance = float(counts @ np.square(places - mean) / counts.sum())
        key = repr(model.classes)
    else:
        _refuse_text(profile)
        scale = model.target.scaling
        if scale is not None:
            _check_reach(profile, split_profile.target, scale, [profile.options.target], dtype)

        def encode(stored: Array) -> Array:
            return np.ascontiguousarray(model.encode(stored), dtype)

        factor = 1.0 if scale is None else float(scale.scale[0])
        target_variance = float(split_profile.target.deviation[0] * factor) ** 2
        key = "" if scale is None else f"{scale.offset.tolist()} {scale.scale.tolist()}"
    takes_all = model.scaling is not None and len(columns) == profile.n_features
    transform = RowTransform(model.preprocessor, encode, dtype, key, profile.coding, None if takes_all else columns)
    return StreamSource(profile, split, transform, target_variance, buffer_bytes)


def _classes(profile: DatasetProfile, task: str) -> tuple[str | int, ...]:
    values = profile.target_profile
    if task == REGRESSION:
        _refuse_text(profile)
    elif values.too_many:
        raise InputError(
            f"{profile.source}: the target column {profile.options.target!r} holds more than {MAX_CLASSES:,} different "
            "values; classes are fewer: choose regression"
        )
    different = values.unique
    if task == CLASSIFICATION and different.dtype.kind == "f":  # 0.5, and 1 for 1.0
        different = np.array([class_name(value) for value in different.tolist()], dtype=object)
    return find_classes(different, task)


def _check_counts(profile: DatasetProfile, loss: str) -> None:
    """Raise InputError if a loss for counts meets a negative target."""
    least = min(float(split.target.min[0]) for split in profile.splits)
    if loss == "poisson" and least < 0:
        raise InputError(
            f"{profile.source}: the target column {profile.options.target!r} holds {least:g}; loss 'poisson' is for "
            "counts, 0 or more: use half_mean_squared_error for other numbers"
        )


def _refuse_text(profile: DatasetProfile) -> None:
    if profile.target_profile.texts:
        raise InputError(
            f"{profile.source}: the target column {profile.options.target!r} holds text, "
            f"{profile.target_profile.texts[0]!r} for one; numbers are needed here"
        )


def _check_classes(profile: DatasetProfile, classes: Sequence[str | int]) -> None:
    known = {class_name(label) for label in classes}
    for value in profile.target_profile.unique.tolist():
        if class_name(value) not in known:
            shown = ", ".join(repr(label) for label in classes[:12]) + (" …" if len(classes) > 12 else "")
            raise InputError(f"{profile.source}: the class {value!r} is unknown to the model, which knows {shown}")


def _check_reach(
    profile: DatasetProfile, statistics: ColumnStatistics, scaling: Scaling, names: Sequence[str], dtype: Any
) -> None:
    """Refuse numbers that are too large for a dtype once they are scaled."""
    with np.errstate(over="ignore", invalid="ignore"):
        for extreme in (statistics.min, statistics.max):
            wrong = np.flatnonzero(~np.isfinite(((extreme - scaling.offset) * scaling.scale).astype(dtype)))
            if len(wrong):
                column = int(wrong[0])
                raise InputError(
                    f"{profile.source}: column {names[column]!r} holds {extreme[column]}; that is too large for {dtype}"
                )
