"""Each JSON field of a file, replaced by a value of each JSON type, gives a clear error or a file that works."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import glassnet
from glassnet import Checkpoint, InputError, MLPClassifier, MLPRegressor, load, load_parameters, save
from tests.fuzz.formats import make_models, train_with_checkpoints

pytestmark = pytest.mark.filterwarnings("ignore")

#: Values of each JSON type, and the marks by which estimators write values that JSON lacks.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**62, 10**38, 0.5, -0.5, 1e308, 5e-324, "", "a", "relu", [], [1], ["a"], [[1]],
    [None], {}, {"a": 1}, {"a": {}}, {"int": "99999999999999999999"}, {"float": "nan"}, {"tuple": ["a", [1]]},
    {"dict": [[1, 2]]}, {"dict": [[[1], 2]]}, {"dict": [1]}, {"bool": []}, {"omitted": True}, "#1", "##", {"#": [1]},
)  # fmt: skip


class Parts(NamedTuple):
    """A safetensors file: its header, the key of the JSON in the metadata, the JSON, and the bytes of the arrays."""

    header: dict[str, Any]
    key: str
    content: Any
    body: bytes


def split(path: Path) -> Parts:
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    key, text = next(iter(header["__metadata__"].items()))
    return Parts(header, key, json.loads(text), raw[8 + length :])


def join(parts: Parts, content: Any) -> bytes:
    header = {**parts.header, "__metadata__": {parts.key: json.dumps(content)}}
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % 8)
    return struct.pack("<Q", len(written)) + written + parts.body


def positions(content: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value; of a long list, to the first two entries."""
    yield before
    if isinstance(content, dict):
        for key in content:
            yield from positions(content[key], (*before, key))
    elif isinstance(content, list):
        for index in range(min(len(content), 2)):
            yield from positions(content[index], (*before, index))


def replaced(content: Any, position: tuple[Any, ...], value: Any) -> Any:
    if not position:
        return value
    changed = copy.deepcopy(content)
    holder = changed
    for key in position[:-1]:
        holder = holder[key]
    holder[position[-1]] = value
    return changed


def removed(content: Any, position: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(content)
    holder = changed
    for key in position[:-1]:
        holder = holder[key]
    del holder[position[-1]]
    return changed


def variants(content: Any, sample: bool) -> Iterator[tuple[str, Any]]:
    """Yield changed contents with a description; of a sample, one for each field, by turns."""
    for number, position in enumerate(positions(content)):
        for index, value in enumerate(VALUES):
            if not sample or index == number % len(VALUES):
                yield f"{position} = {value!r:.60}", replaced(content, position, value)
        if position and not (sample and number % 2):
            yield f"{position} removed", removed(content, position)


def check(contents: Iterator[tuple[str, Any]], use: Callable[[Any], None]) -> dict[str, int]:
    """Use each content, fail with all that end in another error than InputError, and return how many work."""
    faults = []
    outcomes = {"works": 0, "rejected": 0}
    with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        for change, content in contents:
            try:
                use(content)
                outcomes["works"] += 1
            except InputError:
                outcomes["rejected"] += 1
            except Exception as error:
                faults.append(f"{change}: {type(error).__name__}: {error!s:.200}")
    assert not faults, "\n".join(faults)
    return outcomes


# ------------------------------------------------------------------------------------------------------------- models


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a file of each kind by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {path.name: path for path in make_models(tmp_path_factory.mktemp("files"))}


NAMES = [
    *(f"{number}.model" for number in range(6)),
    *(f"{number}.MLPClassifier" for number in range(5)),
    "5.MLPRegressor", "6.MLPRegressor", "a.parameters", "b.parameters",
]  # fmt: skip


def use_file(path: Path) -> None:
    """Load a file and do with it what users do."""
    kind = path.suffix[1:]
    if kind == "parameters":
        load_parameters(path)
    elif kind == "model":
        model = load(path)
        model.predict(np.zeros((3, len(model.feature_names))))
        save(model, path.with_suffix(".again"))
    else:
        use_estimator(getattr(glassnet, kind).load(path))


def use_estimator(estimator: Any) -> None:
    """Use an estimator; scikit-learn's own errors are a ValueError or TypeError once a fit was asked for."""
    import pandas as pd
    from sklearn.base import clone

    x = np.random.default_rng(0).integers(0, 2, (12, estimator.n_features_in_)).astype(float)
    names = getattr(estimator, "feature_names_in_", None)
    rows: Any = x if names is None else pd.DataFrame(x, columns=names)
    try:
        answers = estimator.predict(rows)
    except ValueError as error:  # names that the rows lack
        if "feature" in str(error):
            raise InputError(str(error)) from None
        raise
    repr(estimator)
    estimator._repr_html_()
    clone(estimator)
    for again in (estimator.partial_fit, estimator.set_params(warm_start=True, max_iter=1).fit):
        with contextlib.suppress(ValueError, TypeError):
            again(rows, answers)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["sample", "all"])
def test_a_field_of_another_type_is_refused_or_works(
    files: dict[str, Path], tmp_path: Path, name: str, sample: bool
) -> None:
    parts = split(files[name])
    path = tmp_path / name

    def use(content: Any) -> None:
        path.write_bytes(join(parts, content))
        use_file(path)

    use(parts.content)
    assert check(variants(parts.content, sample), use)["rejected"]


@pytest.mark.parametrize("part", ["estimator", "target", "settings", "preprocessor", "history", "metadata"])
def test_a_part_of_another_file_is_refused_or_works(files: dict[str, Path], tmp_path: Path, part: str) -> None:
    estimators = [name for name in NAMES if name.split(".")[1].startswith("MLP")]

    def exchanged() -> Iterator[tuple[str, Any]]:
        for name in estimators:
            for other in estimators:
                parts = split(files[name])
                content = {**parts.content, part: split(files[other]).content[part]}
                yield f"{part} of {other} in {name}", (content["estimator"]["class"], join(parts, content))

    def use(content: tuple[str, bytes]) -> None:
        path = tmp_path / f"mixed.{content[0]}"
        path.write_bytes(content[1])
        use_file(path)

    assert check(exchanged(), use)["works"]


def test_a_loaded_estimator_that_stops_early_is_fitted_again(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((40, 3))
    how: dict[str, Any] = {"early_stopping": True, "max_iter": 2, "engine": "reference", "random_state": 0}
    MLPRegressor(**how).fit(x, x[:, 0]).save(tmp_path / "a.glassnet")
    loaded = MLPRegressor.load(tmp_path / "a.glassnet").set_params(warm_start=True)
    assert loaded.fit(x, x[:, 0]).n_iter_ > 0


def test_a_loaded_estimator_whose_fit_failed_is_fitted_again(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((40, 3))
    y = (x > 0).astype(int)
    MLPClassifier(max_iter=2, engine="reference", random_state=0).fit(x, y).save(tmp_path / "a.glassnet")
    loaded = MLPClassifier.load(tmp_path / "a.glassnet").set_params(class_weight=[None])
    for _ in range(2):
        with pytest.raises(ValueError, match="class_weight should match number of outputs"):
            loaded.partial_fit(x, y)
    assert loaded.set_params(class_weight=None).partial_fit(x, y).predict(x).shape == y.shape


# -------------------------------------------------------------------------------------------------------- checkpoints


def fit_with_checkpoints(folder: Path, epochs: int, resume: bool, **how: Any) -> Any:
    x = np.random.default_rng(0).standard_normal((40, 3))
    how |= {"batch_size": 8, "engine": "reference", "random_state": 0, "max_iter": epochs}
    return MLPClassifier(**how, callbacks=[Checkpoint(folder, resume=resume)]).fit(x, np.arange(40) % 2)


TRAININGS: dict[str, Callable[[Path, int, bool], Any]] = {
    "momentum": lambda folder, epochs, resume: train_with_checkpoints(0, folder, epochs, resume),
    "adam, many settings": lambda folder, epochs, resume: train_with_checkpoints(1, folder, epochs, resume),
    "estimator": fit_with_checkpoints,
    "estimator, early stopping": lambda folder, epochs, resume: fit_with_checkpoints(
        folder, epochs, resume, early_stopping=True, solver="sgd", learning_rate="adaptive"
    ),
}


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("sample", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["sample", "all"])
def test_a_field_of_a_checkpoint_of_another_type_is_refused_or_works(tmp_path: Path, name: str, sample: bool) -> None:
    TRAININGS[name](tmp_path, 2, False)
    path = tmp_path / "epoch-0002.checkpoint"
    parts = split(path)

    def use(content: Any) -> None:
        for old in tmp_path.glob("*.checkpoint"):
            old.unlink()
        written = join(parts._replace(body=parts.body[:-32]), content)
        path.write_bytes(written + hashlib.blake2b(written, digest_size=32).digest())
        try:
            TRAININGS[name](tmp_path, 3, True)
        except ValueError as error:  # scikit-learn's message about a training that diverged
            if "non-finite parameter weights" not in str(error):
                raise

    use(parts.content)
    assert check(variants(parts.content, sample), use)["rejected"]
