"""The target of a training: its values, whatever they come in, and whether they are classes or quantities."""

from __future__ import annotations

import numbers as number_types
import warnings
from typing import Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.formatting import format_cell, is_number
from glassnet.data.object_columns import is_missing
from glassnet.errors import InputError
from glassnet.models.target import CLASSIFICATION, REGRESSION, UNNAMED_TARGET
from glassnet.network.losses import CLASSIFICATION as LOSSES_OF_CLASSES
from glassnet.network.losses import REGRESSION as LOSSES_OF_QUANTITIES

#: Whole numbers with at most this many different values are classes; with more, they are quantities.
MAX_NUMBERED_CLASSES = 20
#: Beyond this, whole numbers are not exact in float64.
MAX_EXACT = 2**53
#: More classes than this are unusual.
MANY_CLASSES = 100
#: Share of the values of a column of text from which on those that are no numbers count as odd.
ODD_SHARE = 0.5


class TaskChoice(NamedTuple):
    """The task that a target suggests, and why."""

    task: str
    reason: str


def choose_task(different: Array, loss: str = "") -> TaskChoice:
    """Return the task that a target suggests: the one rule, wherever no task is given.

    Parameters
    ----------
    different : array (values,) or (samples, outputs)
        The different values of a target, or all of them. Text and booleans are classes; numbers with fractions are
        quantities; whole numbers are classes if there are at most `MAX_NUMBERED_CLASSES` different ones. Several
        columns are quantities.
    loss : str
        The name of the loss, if it is given: with one for quantities alone numbers are quantities, and with one for
        classes alone whole numbers are classes, however many they are.
    """
    if different.ndim == 2:
        return TaskChoice(REGRESSION, f"{different.shape[1]} columns")
    if different.dtype.kind == "b":
        return TaskChoice(CLASSIFICATION, "booleans")
    if different.dtype.kind not in "iuf":
        return TaskChoice(CLASSIFICATION, "text")
    if loss in LOSSES_OF_QUANTITIES:
        return TaskChoice(REGRESSION, f"the loss {loss!r}")
    if different.dtype.kind == "f" and not np.array_equal(different, np.floor(different)):
        return TaskChoice(REGRESSION, "numbers with fractions")
    if different.dtype.kind == "f" and np.abs(different).max(initial=0) >= MAX_EXACT:
        return TaskChoice(REGRESSION, "numbers too large to be counted")
    if loss in LOSSES_OF_CLASSES:
        return TaskChoice(CLASSIFICATION, f"the loss {loss!r}")
    count = len(np.unique(different))
    return TaskChoice(
        CLASSIFICATION if count <= MAX_NUMBERED_CLASSES else REGRESSION, f"{count:,} different whole numbers"
    )


def as_targets(y: Any, name: str = UNNAMED_TARGET) -> Array:
    """Return targets as an array: numbers, booleans, or text as Python's strings (object).

    Parameters
    ----------
    y : array-like (samples,) or (samples, outputs), pandas or polars series, Arrow column
        Python objects that are all numbers become numbers, and all booleans booleans.
    name : str
        The name of the target in errors.

    Raises
    ------
    InputError
        If a target is missing, infinite or neither a number nor text, or text among numbers (row named, from 0).
    """
    values = _as_array(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise InputError(f"{name} has shape {values.shape}; it must be (samples,) or (samples, outputs)")
    if values.dtype.kind == "f":
        _refuse(~np.isfinite(values), values, name, "every row needs a target: fill it in or leave the row out")
        return values
    if values.dtype.kind in "biu":
        return values
    if values.dtype.kind not in "OUT":
        raise InputError(f"{name} has dtype {values.dtype}; it must hold numbers, booleans or text")
    return _from_objects(values.astype(object), name)


def _as_array(y: Any) -> Array:
    if type(getattr(y, "dtype", None)).__name__ == "CategoricalDtype" and hasattr(y, "cat"):
        y = y.astype(object)
    elif hasattr(y, "to_pylist"):  # Arrow
        y = np.array(y.to_pylist() or [], object)
    elif hasattr(y, "to_numpy"):
        y = y.to_numpy()
    values = np.asarray(y)
    is_text_list = values.dtype.kind in "US" and not isinstance(y, np.ndarray)
    return np.asarray(y, object) if is_text_list else values  # a list of text and numbers is not text alone


def _from_objects(values: Array, name: str) -> Array:
    """Return Python objects as numbers, booleans or text."""
    flat: list[Any] = values.ravel().tolist()
    missing = np.array([is_missing(value) for value in flat]).reshape(values.shape)
    _refuse(missing, values, name, "every row needs a target: fill it in or leave the row out")
    if all(isinstance(value, (bool, np.bool_)) for value in flat):
        return values.astype(bool)
    is_value = [isinstance(v, (number_types.Real, np.bool_)) or type(v).__name__ == "Decimal" for v in flat]
    if all(is_value):
        whole = all(isinstance(value, (number_types.Integral, np.bool_)) for value in flat)
        try:
            found = values.astype(np.int64 if whole else np.float64)
        except OverflowError:
            found = values.astype(np.float64)
        return as_targets(found, name)
    if any(is_value) and not all(is_value):
        text = np.array([not each for each in is_value]).reshape(values.shape)
        minority = text if text.mean() <= ODD_SHARE else ~text
        _refuse(minority, values, name, "the other targets are of another type; make all numbers, or all text")
    result = np.empty(values.shape, object)
    result.ravel()[:] = [str(value) for value in flat]
    return result


def _refuse(wrong: Array, values: Array, name: str, why: str) -> None:
    """Raise InputError for the first wrong value."""
    for place in np.argwhere(wrong)[:1].tolist():
        value = values[tuple(place)]
        shown = "missing" if is_missing(value) else f"{format_cell(value)}"
        raise InputError(f"row {place[0] + 1} has the target {shown} in {name!r}; {why}")


def refuse_odd_text(values: Array, name: str) -> None:
    """Raise InputError if text is mostly numbers, of which some are not: one odd cell makes no classes of a quantity.

    Parameters
    ----------
    values : array (samples,)
        Targets; numbers are always accepted.
    name : str
        The target's name.
    """
    if values.dtype.kind != "O" or values.ndim != 1:
        return
    numeric = np.array([is_number(value) for value in values.tolist()], bool)
    if numeric.all() or numeric.mean() <= ODD_SHARE or len(set(values[numeric])) <= MAX_NUMBERED_CLASSES:
        return
    why = (
        "the other targets are numbers: correct it, or leave such rows out with on_bad_row='skip' "
        "(--on-bad-row skip); if they are classes, choose the task 'classification' (--task classification)"
    )
    _refuse(~numeric, values, name, why)


def warn_of_classes(classes: tuple[Any, ...], rows: int, name: str) -> None:
    """Warn if classes are very many, or look like a quantity that was measured."""
    count = len(classes)
    numbers = [_as_float(label) for label in classes] if count > MAX_NUMBERED_CLASSES else []
    has_fractions = any(not number.is_integer() for number in numbers if number is not None)
    if numbers and None not in numbers and (has_fractions or count > MANY_CLASSES):
        advice = "they look like a quantity: the task 'regression' predicts it"
    elif count > MANY_CLASSES and 2 * count > rows:
        advice = f"in {rows:,} rows: is it an id or a name rather than the target?"
    elif count > MANY_CLASSES:
        advice = "each needs rows enough to learn it from"
    else:
        return
    warnings.warn(f"the target {name!r} has {count:,} different classes; {advice}", UserWarning, stacklevel=3)


def _as_float(label: Any) -> float | None:
    """Return a class as a finite number, also if it is the text of one; None if it is not."""
    try:
        number = float(label)
    except (ValueError, TypeError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def find_classes(y: Array, task: str) -> tuple[Any, ...]:
    """Return the classes among targets (samples,), in the order of the network's outputs; none for regression.

    Raises
    ------
    InputError
        If the task is unknown or does not go with the target, or there is one class only.
    """
    if task not in (CLASSIFICATION, REGRESSION):
        raise InputError(f"task is {task!r}; it must be 'classification' or 'regression'")
    if task == REGRESSION:
        if y.dtype.kind not in "iuf":
            raise InputError("regression needs a target of numbers, and this one holds text; choose classification")
        return ()
    if y.ndim != 1:
        raise InputError(f"y has shape {y.shape}; the classes must be one for each row: (samples,)")
    values = sorted(set(y.tolist() if y.dtype.kind != "O" else map(str, y)))
    classes = tuple(int(v) if isinstance(v, float) and v.is_integer() else v for v in values)
    if len(classes) < 2:
        raise InputError(f"the target has only one class, {classes[0]!r}; there must be at least two to tell apart")
    return classes


def check_task(task: str, loss: str, y: Array | None = None) -> None:
    """Check that a loss goes with a task and with the targets (samples,), if given.

    Raises
    ------
    InputError
        If the loss is for classes and the task is regression or the other way round, or a count is negative.
    """
    if task == REGRESSION and loss in LOSSES_OF_CLASSES:
        raise InputError(f"loss {loss!r} is for classes, and this is regression; try half_mean_squared_error or huber")
    if task == CLASSIFICATION and loss in LOSSES_OF_QUANTITIES:
        raise InputError(f"loss {loss!r} is for values, and this is classification; try categorical_crossentropy")
    if loss == "poisson" and y is not None and y.dtype.kind in "if" and (y < 0).any():
        row = int(np.argwhere(y < 0)[0, 0])
        raise InputError(
            f"row {row + 1} has the target {y[row]}; loss 'poisson' is for counts, 0 or more: "
            "use half_mean_squared_error for other numbers"
        )
