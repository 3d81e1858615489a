"""Callbacks with a path in cross-validation, searches and ensembles: a folder for each fit, nothing overwritten."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score

import glassnet
from glassnet import Callback, Checkpoint, InputError, MLPClassifier
from glassnet.training.callbacks import HistoryToCsv, LivePlot, SaveParameters
from glassnet.training.run import Run

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def classifier(*callbacks: Any, **params: Any) -> MLPClassifier:
    return MLPClassifier(
        **{"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0, "callbacks": list(callbacks), **params}
    )


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != "lock")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_fit_of_a_cross_validation_has_a_folder(tmp_path: Path, n_jobs: int) -> None:
    callbacks = (
        HistoryToCsv(tmp_path / "history.csv"),
        SaveParameters(tmp_path / "epoch-{epoch}.safetensors"),
        LivePlot(tmp_path / "curves.svg"),
        Checkpoint(tmp_path / "checkpoints"),
    )
    model = classifier(*callbacks)
    for _ in range(2):
        cross_val_score(model, X, Y, cv=3, n_jobs=n_jobs)
    expected = {f"fit-{fit}/{name}" for fit in range(1, 7) for name in ("history.csv", "curves.svg")}
    expected |= {f"fit-{fit}/epoch-{epoch}.safetensors" for fit in range(1, 7) for epoch in range(1, 4)}
    kept = {f"checkpoints/fit-{fit}/epoch-000{epoch}.checkpoint" for fit in range(1, 7) for epoch in (2, 3)}
    assert set(files(tmp_path)) == expected | kept
    for fit in range(1, 7):
        with open(tmp_path / f"fit-{fit}" / "history.csv", encoding="utf-8") as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_a_search_and_an_ensemble_know_where_they_wrote(tmp_path: Path) -> None:
    search = GridSearchCV(classifier(HistoryToCsv(tmp_path / "h.csv")), {"alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert search.best_estimator_.callbacks[0].path == tmp_path / "fit-5" / "h.csv"
    bagged = BaggingClassifier(classifier(HistoryToCsv(tmp_path / "h.csv")), 2, random_state=0).fit(X, Y)
    assert [each.callbacks[0].path.parent.name for each in bagged.estimators_] == ["fit-6", "fit-7"]
    assert len(files(tmp_path)) == 7


def test_a_clone_writes_to_its_folder_again_and_its_clones_beside_it(tmp_path: Path) -> None:
    first = clone(classifier(HistoryToCsv(tmp_path / "h.csv"))).fit(X, Y).fit(X, Y)
    assert files(tmp_path) == ["fit-1/h.csv"]
    clone(first).fit(X, Y)
    assert files(tmp_path) == ["fit-1/h.csv", "fit-2/h.csv"]
    classifier(HistoryToCsv(tmp_path / "h.csv")).fit(X, Y)  # no clone
    assert files(tmp_path) == ["fit-1/h.csv", "fit-2/h.csv", "h.csv"]


def test_checkpoints_of_a_cross_validation_are_resumed_each_by_the_same_fit(tmp_path: Path) -> None:
    class Failing(Callback):
        fits = 0

        def on_epoch_end(self, run: Run) -> None:
            Failing.fits += run.history[-1].epoch == 1
            if Failing.fits == 3 and len(run.history) == 2:
                raise KeyboardInterrupt

    def model(*more: Callback, resume: bool = True, name: str = "a") -> MLPClassifier:
        return classifier(Checkpoint(tmp_path / name, resume=resume), *more, max_iter=4, tol=0.0)

    whole = cross_val_score(model(name="b"), X, Y, cv=4)
    with pytest.warns(UserWarning, match="interrupted"):
        cross_val_score(model(Failing()), X, Y, cv=4)
    assert {name.split("/")[0] for name in files(tmp_path / "a")} == {"fit-1", "fit-2", "fit-3", "fit-4"}
    again = cross_val_score(model(), X, Y, cv=4)
    assert {name.split("/")[0] for name in files(tmp_path / "a")} == {"fit-1", "fit-2", "fit-3", "fit-4"}
    assert files(tmp_path / "a") == files(tmp_path / "b")
    np.testing.assert_array_equal(whole, again)


def test_cross_val_predict_keeps_the_history_of_each_fold(tmp_path: Path) -> None:
    model = glassnet.fit(X, Y, hidden=(3,), settings=glassnet.Settings(epochs=2))
    glassnet.cross_val_predict(model, X, Y, cv=3, callbacks=[HistoryToCsv(tmp_path / "h.csv")])
    assert files(tmp_path) == [f"fit-{number}/h.csv" for number in (1, 2, 3)]


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match=r"file: can't be written: .*choose another path"):
        clone(classifier(HistoryToCsv(tmp_path / "file" / "h.csv"))).fit(X, Y)
