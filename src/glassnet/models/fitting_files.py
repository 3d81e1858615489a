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
)
from glassnet.models.model import Model
from glassnet.models.recommended import ACTIVATION, HIDDEN, recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION, Target
from glassnet.models.target_rule import check_task, choose_task, find_classes
from glassnet.preprocessing.scaling import Scaling, choose_scaling, standard_scaling
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.streaming.profile import DatasetProfile, ScanOptions
from glassnet.streaming.scan import scan_files
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
) -> Model:
    """Train a network on files or batches that may be larger than memory; otherwise as `glassnet.fit`.

    Parameters
    ----------
    data : str, Path, or sequence of them; or what `glassnet.data.as_files` takes
        A file, a folder, a pattern such as ``data/part-*.csv``, or several. Or an iterable of batches, a memory map, an
        array, a pair (x, y) or a data frame: it is read once before training and once in each epoch, without a cache.
    target : str, optional
        The column to predict; if not given, the one called label, target, class or y.
    group : str
        A column, such as a patient or a day, whose rows are held out together. It is not a feature.
    validation_fraction : float
        Fraction of the rows, or of the groups, that are held out. A hash of the row number or of the group decides, so
        that the split is the same in every pass and on every machine, for any seed.
    hidden, activation, task, settings, callbacks
        See `glassnet.fit`. Without a task, a target of text or of at most 20 different whole numbers means classes.
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

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    InputError
        If an entry is invalid (file, row and column named), or arguments do not fit together.
    """
    files = as_files(data, on_bad_row=on_bad_row)
    options = ScanOptions(choose_target(files, target), group, validation_fraction, on_bad_row)
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
    test_options = ScanOptions(options.target, "", 0.0, options.on_bad_row, tuple(profile.feature_names))
    return scan_files(as_files(data, on_bad_row=options.on_bad_row), test_options, cache)


def task_of(profile: DatasetProfile) -> str:
    """Return the task that the target suggests: see `choose_task`."""
    return choose_task(profile.target_profile.unique).task


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
    task = task or task_of(profile)
    settings = settings or recommended_settings(len(training), task)
    classes = _classes(profile, task)
    check_task(task, settings.resolve_loss().name)
    scaling = choose_scaling(training.features, profile.sparse)
    target_scaling = standard_scaling(training.target) if needs_target_scaling(task, settings) else None
    untrained = Model(
        build_structure(profile.n_features, hidden, activation, settings, len(classes) or 1),
        np.empty(0, settings.dtype),
        scaling,
        tuple(profile.feature_names),
        _target(profile, classes, target_scaling),
        settings,
        metadata={"source": profile.source},
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
    scaling = model.scaling
    assert scaling is not None  # a stream scales numbers
    _check_reach(profile, split_profile.features, scaling, profile.feature_names, dtype)
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
    return StreamSource(profile, split, RowTransform(scaling, encode, dtype, key), target_variance, buffer_bytes)


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
