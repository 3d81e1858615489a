"""Training on files of any size, from Python and from the command line."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassnet import InputError, Settings, fit, load
from glassnet.cli import main
from glassnet.data import Files, open_files, target_values
from glassnet.models.fitting_files import fit_files, source_of
from glassnet.models.target_rule import choose_task
from glassnet.preprocessing.scaling import choose_scaling
from glassnet.streaming import block_readers, memory_estimate, scan
from glassnet.streaming.profile import ScanOptions
from glassnet.streaming.scan import scan_files
from glassnet.streaming.splitting import hash_rows, is_validation
from glassnet.training.checkpoints.lock import FolderLock

from .sample_files import stream_threads

FEW = Settings(loss="categorical_crossentropy", epochs=3, batch_size=16)


def write(path: Path, columns: dict[str, object]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(zip(*columns.values(), strict=True))
    return path


@pytest.fixture
def clouds(tmp_path) -> Path:
    """Write 400 rows: two clusters, labelled by text, sorted by label."""
    rng = np.random.default_rng(0)
    kind = np.arange(400) // 200
    x = rng.normal(size=(400, 2)) * [1, 100] + 3 * kind[:, np.newaxis] * [1, 100]
    label = np.array(["daisy", "tulip"])[kind]
    return write(tmp_path / "clouds.csv", {"a": x[:, 0], "label": label, "b": x[:, 1], "who": np.arange(400) // 8})


@pytest.fixture
def houses(tmp_path) -> Path:
    x = np.random.default_rng(0).uniform(0, 10, (300, 2))
    return write(tmp_path / "houses.csv", {"rooms": x[:, 0], "age": x[:, 1], "price": 1e6 * x[:, 0] - 1e4 * x[:, 1]})


@pytest.fixture
def glassnet(capsys: pytest.CaptureFixture, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_a_model_of_files_is_similar_to_one_of_the_same_rows_in_memory(clouds):
    model = fit_files(clouds, group="who", validation_fraction=0.25, hidden=(8,))
    assert model.feature_names == ("a", "b") and model.classes == ("daisy", "tulip")
    assert model.metadata["training_rows"] + model.metadata["validation_rows"] == 400
    assert model.history[-1].validation_metric > 0.9
    table = open_files(clouds).table()
    x = np.column_stack([table.columns["a"].to_numpy(), table.columns["b"].to_numpy()])
    memory = fit(x, table.columns["label"].to_pylist(), hidden=(8,))
    assert np.mean(model.predict(x) == memory.predict(x)) > 0.95
    np.testing.assert_allclose(model.scaling.scale, memory.scaling.scale, rtol=0.1)


def test_rows_in_memory_and_batches_are_streamed_as_their_file_is(clouds):
    import pandas as pd
    import polars as pl
    from numpy.lib.format import open_memmap

    expected = fit_files(clouds, settings=FEW, hidden=(4,), cache=False)
    frame = pd.read_csv(clouds)

    def batches():
        yield from (frame[first : first + 70] for first in range(0, 400, 70))

    # the blocks differ, so the statistics agree up to rounding
    for data in (frame, pl.read_csv(clouds), batches, list(batches()), [pl.from_pandas(part) for part in batches()]):
        model = fit_files(data, settings=FEW, hidden=(4,), test=frame[:20])
        np.testing.assert_allclose(model.vector, expected.vector, rtol=1e-5, atol=1e-6)
        assert model.feature_names == expected.feature_names and model.metadata["training_rows"] == 369
    x = open_memmap(clouds.with_suffix(".npy"), "w+", np.float64, (400, 3))
    x[:] = frame[["a", "b", "who"]]
    model = fit_files((x, frame["label"].to_numpy(object)), settings=FEW, hidden=(4,))
    np.testing.assert_allclose(model.vector, expected.vector, rtol=1e-5, atol=1e-6)
    assert not list(clouds.parent.glob(".glassnet"))


def test_batches_that_can_not_be_restarted_or_that_change_are_reported(clouds):
    x = np.arange(40.0).reshape(20, 2)
    y = np.arange(20) % 2
    with pytest.raises(InputError, match="iterated over only once; give a list, or a function"):
        fit_files((part for part in [(x, y)]), settings=FEW)
    rows = iter((20, 19, 18))

    def changing():
        some = next(rows)
        return iter([(x[:some], y[:some])])

    with pytest.raises(InputError, match="have changed since the first pass"):
        fit_files(changing, settings=FEW, validation_fraction=0)


def test_statistics_come_from_training_rows_only_and_the_split_from_row_numbers(clouds):
    in_validation = is_validation(hash_rows(0, 400), 0.25)
    found = scan_files(open_files(clouds), ScanOptions("label", validation_fraction=0.25))
    table = open_files(clouds).table()
    a = table.columns["a"].to_numpy()
    np.testing.assert_allclose(found.splits[0].features.mean[0], a[~in_validation].mean(), rtol=1e-12)
    np.testing.assert_allclose(
        choose_scaling(found.splits[0].features).scale[0], 1 / a[~in_validation].std(), rtol=1e-12
    )
    assert (len(found.splits[0]), len(found.splits[1])) == (np.sum(~in_validation), np.sum(in_validation))


def test_rows_of_one_group_are_in_one_split(clouds):
    found = scan_files(open_files(clouds), ScanOptions("label", "who", 0.3))
    assert found.feature_names == ["a", "b"]
    assert all(len(split) % 8 == 0 and len(split) for split in found.splits)
    assert found.text_columns == ("who",)


@pytest.mark.parametrize("cache", [True, False])
def test_the_same_seed_gives_the_same_model_cached_or_not(clouds, cache, monkeypatch):
    for using in (scan, block_readers):
        monkeypatch.setattr(using, "block_rows", lambda columns: 16)
    one, two = (fit_files(clouds, settings=FEW, hidden=(8,), cache=cache, buffer_bytes=1500) for _ in range(2))
    np.testing.assert_array_equal(one.vector, two.vector)
    small = fit_files(clouds, settings=FEW, hidden=(8,), cache=cache)
    assert not np.array_equal(small.vector, one.vector)
    assert not stream_threads()


def test_targets_are_predicted_in_their_unit_and_r2_is_of_all_rows(houses):
    options = Settings(loss="half_mean_squared_error", epochs=30, batch_size=16, learning_rate=0.01)
    model = fit_files(houses, "price", hidden=(16,), settings=options, test=houses)
    assert model.task == "regression" and model.history[-1].validation_metric > 0.98
    table = open_files(houses).table()
    x = np.column_stack([table.columns[name].to_numpy() for name in ("rooms", "age")])
    y = table.columns["price"].to_numpy()
    found = scan_files(open_files(houses), ScanOptions("price", validation_fraction=0.1))
    scaled = model.encode(y[~is_validation(hash_rows(0, 300), 0.1)])
    assert source_of(found, 0, model).target_variance() == pytest.approx(scaled.var(dtype=np.float64), rel=1e-6)
    r2 = 1 - np.sum((model.predict(x) - y) ** 2) / np.sum((y - y.mean()) ** 2)
    assert model.history[model.metadata["best_epoch"] - 1].test_metric == pytest.approx(r2, abs=1e-4)


def test_columns_of_the_test_files_are_found_by_name(clouds, tmp_path):
    table = open_files(clouds).table().columns
    other = write(
        tmp_path / "other.csv",
        {"more": [7] * 400, **{name: table[name].to_pylist() for name in ("b", "label", "a")}},
    )
    model = fit_files(clouds, group="who", hidden=(8,), settings=FEW, test=other)
    again = fit_files(clouds, group="who", hidden=(8,), settings=FEW, test=clouds)
    assert model.history[-1].test_loss == again.history[-1].test_loss


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": ["1", "2", "oops"]}, None),  # three categories
        ({"a": ["1", "", "3"]}, None),
        ({"a": ["1", "nan", "3"]}, None),
        ({"a": ["1", "inf", "3"]}, "row 2, column 'a' is inf"),
        ({"label": ["u", "", "v"]}, "row 2, target column 'label' is empty"),
        ({"label": ["u", "u", "u"]}, "only one class"),
        ({"a": ["1e300", "-1e300", "2"]}, None),
        ({"a": ["1.7e308", "-1.7e308", "1.7e308"]}, "column 'a' holds numbers too large for a mean"),
    ],
)
def test_an_invalid_entry_is_reported_with_file_row_and_column(tmp_path, change, message):
    path = write(tmp_path / "t.csv", {"a": ["1", "2", "3"], "label": ["u", "v", "u"]} | change)
    if message is None:
        fit_files(path, validation_fraction=0.0, settings=FEW)
        return
    with pytest.raises(InputError, match=message) as error:
        fit_files(path, validation_fraction=0.0, settings=FEW)
    assert "only one" in message or str(path) in str(error.value)


def test_an_invalid_value_in_the_second_of_two_files_is_reported_there(tmp_path):
    for name, last in (("p-1.csv", "3"), ("p-2.csv", "x")):
        write(tmp_path / name, {"a": ["1"] * 50 + [last], "label": ["u", "v", "w"] * 17})
    with pytest.raises(InputError, match=r"p-2.csv: row 51, column 'a' is 'x'"):
        fit_files(f"{tmp_path}/p-*.csv", settings=FEW)
    model = fit_files(f"{tmp_path}/p-*.csv", settings=FEW, on_bad_row="skip")
    assert model.metadata["training_rows"] + model.metadata["validation_rows"] == 101


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "c"}, "there is no column 'c'"),
        ({"group": "c"}, "there is no column 'c' to group rows by"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0"),
        ({"validation_fraction": 1e-9}, "leaves a split without rows"),
        ({"task": "regression"}, "holds text, 'daisy' for one; numbers are needed here"),
        ({"task": "guess"}, "task is 'guess'"),
        ({"settings": Settings(optimizer="lbfgs")}, "'lbfgs' needs all rows at once"),
    ],
)
def test_invalid_arguments_are_rejected(clouds, options, message):
    with pytest.raises(InputError, match=message):
        fit_files(clouds, **({"settings": None} | options))


def test_integers_too_large_for_64_bits_are_floats_as_in_memory(tmp_path):
    path = write(tmp_path / "t.csv", {"a": range(40), "y": [10**19 * (row % 2 + 1) for row in range(40)]})
    found = scan_files(open_files(path), ScanOptions("y", validation_fraction=0.2))
    assert (
        found.target_profile.unique.tolist() == [1e19, 2e19]
        and choose_task(found.target_profile.unique).task == "regression"
    )
    assert choose_task(target_values(open_files(path).table(), "y")).task == "regression"


def test_a_class_that_only_the_test_files_have_is_named(clouds, tmp_path):
    other = write(tmp_path / "other.csv", {"a": [1, 2], "b": [1, 2], "who": [1, 1], "label": ["daisy", "rose"]})
    with pytest.raises(InputError, match=r"other.csv: the class 'rose' is unknown to the model, which knows 'daisy'"):
        fit_files(clouds, settings=FEW, test=other)


def test_numbers_too_large_for_float32_in_test_files_are_reported(clouds, tmp_path):
    other = write(tmp_path / "other.csv", {"a": [1, 1e300], "b": [1, 2], "who": [1, 1], "label": ["daisy", "tulip"]})
    with pytest.raises(InputError, match=r"other.csv: column 'a' holds 1e\+300; that is too large for float32"):
        fit_files(clouds, settings=FEW, test=other)


@pytest.mark.filterwarnings("ignore:the target .label. has 30 different classes")
def test_classes_may_be_numbers_with_fractions_or_many_or_0_and_1(tmp_path):
    x = np.arange(600) % 30
    path = write(tmp_path / "t.csv", {"a": x, "label": x / 2})
    model = fit_files(path, task="classification", settings=FEW)
    assert model.classes[:4] == ("0", "0.5", "1", "1.5") and len(model.classes) == 30
    assert fit_files(path, settings=Settings(loss="half_mean_squared_error", epochs=1)).task == "regression"
    path = write(tmp_path / "u.csv", {"a": x, "label": x % 2})
    assert fit_files(path, settings=FEW).classes == (0, 1)


# ------------------------------------------------------------------------------------------------------- command line


def test_the_command_line_streams_on_request_and_writes_the_same_kind_of_model(glassnet, clouds, tmp_path):
    code, out, err = glassnet(
        "train",
        clouds,
        "--stream",
        "--group",
        "who",
        "--validation-fraction",
        "0.25",
        "--epochs",
        9,
        "--out",
        "m.glassnet",
    )
    assert code == 0 and err == ""
    assert "classification: predicting 'label' (by its name; --target takes another) from 2 columns of " in out
    assert ".glassnet" in out and "streamed" in out
    model = load(tmp_path / "m.glassnet")
    assert model.metadata["source"] == str(clouds) and len(model.history) == 9
    assert glassnet("evaluate", "m.glassnet", clouds)[0] == 0
    code, again, _ = glassnet("train", clouds, "--stream", "--no-cache", "--epochs", 2, "--json")
    assert code == 0 and 300 < json.loads(again)["rows"] < 400


def test_invalid_rows_are_skipped_counted_and_listed(glassnet, tmp_path):
    label = ["u", "v", "u", "v", "", "v"] * 20  # an empty target is invalid, an empty feature is a missing value
    rows = {"a": ["1", "", "oops", "4", "", "6"] + ["1", "2", "3", "4", "5", "6"] * 19, "label": label}
    path = write(tmp_path / "t.csv", rows)
    code, _, err = glassnet("train", path, "--stream")
    assert code == 2 and "column 'a' is " in err and str(path) in err
    for number, way in enumerate(("--stream", "--stream", "--no-stream")):
        code, out, err = glassnet(
            "train", path, way, "--on-bad-row", "skip", "--epochs", 1, "--out", f"m{number}.glassnet"
        )
        assert code == 0, err
        assert f"skipped 21 invalid rows, listed in m{number}.bad_rows.csv" in out
        with open(f"m{number}.bad_rows.csv", newline="") as file:
            listed = list(csv.reader(file))
        assert listed[0] == ["file", "row", "reason"] and len(listed) == 22
        assert listed[1][:2] == [str(path), "3"] and "oops" in listed[1][2]
    Path("m4.bad_rows.csv").mkdir()  # after a long training, a list that can't be written is no reason to lose it
    for way in ("--stream", "--no-stream"):
        code, _, err = glassnet("train", path, way, "--on-bad-row", "skip", "--epochs", 1, "--out", "m4.glassnet")
        assert code == 3 and "skipped 21 invalid rows; their list could not be saved: m4.bad_" in err
        assert Path("m4.glassnet").is_file()
        Path("m4.glassnet").unlink()
    code, out, _ = glassnet("train", path, "--stream", "--on-bad-row", "skip", "--epochs", 1, "--json")
    assert json.loads(out)["bad_rows"] == 21 and json.loads(out)["bad_rows_file"] == "glassnet.bad_rows.csv"


def test_invalid_rows_of_many_files_are_skipped_in_groups_with_and_without_a_cache(glassnet, tmp_path):
    for part in range(9):
        a = [f"{(7 * row + part) % 11}" for row in range(200)]
        if part in (3, 7):
            a[150 + part] = "oops" if part == 7 else "inf"
        (tmp_path / "parts").mkdir(exist_ok=True)
        rows = {"a": a, "b": range(200), "who": [row // 10 for row in range(200)], "label": ["u", "v"] * 100}
        write(tmp_path / "parts" / f"part-{part}.csv", rows)
    code, _, err = glassnet("train", "parts/part-[4-8].csv", "--stream")
    assert code == 2 and "part-7.csv: row 158, column 'a' is 'oops'" in err
    results = []
    for number, way in enumerate(([], [], ["--no-cache"])):
        arguments = ("train", "parts", "--stream", *way, "--on-bad-row", "skip", "--group", "who", "--epochs", 2)
        code, _, err = glassnet(*arguments, "--batch-size", 32, "--out", f"m{number}", "-q")
        assert (code, err) == (0, "")
        model = load(f"m{number}")
        results.append((model.vector.tobytes(), model.feature_names, Path(f"m{number}.bad_rows.csv").read_text()))
    assert results[0] == results[1] == results[2] and results[0][1] == ("a", "b")
    listed = [line.split(",", 2) for line in results[0][2].splitlines()[1:]]
    assert [(Path(file).name, int(row)) for file, row, _ in listed] == [("part-3.csv", 154), ("part-7.csv", 158)]


def test_an_unusable_checkpoint_folder_is_reported_before_the_files_are_scanned(glassnet, clouds):
    arguments = ("train", clouds, "--stream", "--epochs", 2, "--checkpoint", "run1", "-q")
    assert glassnet(*arguments)[0] == 0
    clouds.write_text(clouds.read_text() + "oops,1,2,3\n")
    code, _, err = glassnet(*arguments)
    assert code == 2 and "run1: a training's checkpoints are there, the last after 2 epochs" in err
    holder = FolderLock(Path("run1"))
    code, _, err = glassnet(*arguments, "--resume")
    assert code == 2 and "another training writes its checkpoints there" in err
    holder.release()
    code, _, err = glassnet(*arguments, "--resume")
    assert code == 2 and "row 401, column 'a' is 'oops'" in err
    code, _, err = glassnet("train", clouds, "--stream", "--checkpoint", clouds)
    assert code == 2 and "name another folder" in err


def test_grouped_rows_can_only_be_streamed(glassnet, clouds):
    code, _, err = glassnet("train", clouds, "--group", "who", "--no-stream")
    assert code == 2 and "--group streams the rows; leave --no-stream out" in err


def test_files_that_do_not_fit_in_memory_are_streamed_automatically(glassnet, clouds, monkeypatch):
    assert "streamed" not in glassnet("train", clouds, "--epochs", 1)[1]
    monkeypatch.setattr(memory_estimate, "available_memory", lambda: 10_000)
    out = glassnet("train", clouds, "--epochs", 1)[1]
    assert "so they are streamed; --no-stream reads them into memory all the same" in out
    assert "streamed" not in glassnet("train", clouds, "--epochs", 1, "--no-stream")[1]


def test_a_cache_that_can_not_be_written_is_reported_with_exit_code_3(glassnet, clouds, tmp_path, monkeypatch):
    (tmp_path / ".glassnet").write_text("in the way")
    (tmp_path / "own").write_text("in the way")
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path / "own" / "there"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "own"))
    code, _, err = glassnet("train", clouds, "--stream", "--epochs", 1, "--out", "m.glassnet")
    assert code == 3 and "no cache was written, so every epoch reads the files again" in err
    assert Path("m.glassnet").is_file()
    assert glassnet("train", clouds, "--stream", "--no-cache", "--epochs", 1)[::2] == (0, "")


def test_evaluate_and_predict_read_files_block_by_block(glassnet, clouds, tmp_path, monkeypatch):
    assert glassnet("train", clouds, "--epochs", 3, "--out", "m.glassnet", "-q")[0] == 0
    whole = glassnet("predict", "m.glassnet", clouds, "--proba")
    evaluated = json.loads(glassnet("evaluate", "m.glassnet", clouds, "--json")[1])
    sizes = []
    blocks = Files.blocks

    def in_parts(self, text=(), settle=True):
        for table in blocks(self, text, settle):
            for first in range(0, len(table), 70):
                part = replace(table, columns=table.columns.slice(first, 70), first_row=table.first_row + first)
                sizes.append(len(part))
                yield part

    monkeypatch.setattr(Files, "blocks", in_parts)
    parts = glassnet("predict", "m.glassnet", clouds, "--proba")
    assert len(sizes) == 6 and parts[0] == 0
    one, two = (list(csv.reader(result[1].splitlines())) for result in (whole, parts))
    assert one[0] == two[0] == ["label", "probability_daisy", "probability_tulip"] and len(one) == len(two) == 401
    assert [row[0] for row in one] == [row[0] for row in two]
    np.testing.assert_allclose(
        np.array(one[1:])[:, 1:].astype(float), np.array(two[1:])[:, 1:].astype(float), atol=1e-6
    )
    assert glassnet("predict", "m.glassnet", clouds, "--out", "p.parquet")[0] == 0
    import pyarrow.parquet as parquet

    assert parquet.read_table("p.parquet").column("label").to_pylist() == [row[0] for row in one[1:]]
    again = json.loads(glassnet("evaluate", "m.glassnet", clouds, "--json")[1])
    assert again["loss"] == pytest.approx(evaluated["loss"], rel=1e-6) and again["rows"] == 400
    assert again["confusion_matrix"] == evaluated["confusion_matrix"]
    lines = clouds.read_text().splitlines()
    lines[251] = lines[251].replace("tulip", "rose")
    clouds.write_text("\n".join(lines) + "\n")
    code, _, err = glassnet("evaluate", "m.glassnet", clouds)
    assert code == 2 and f"{clouds}: row 251 has the class 'rose', unknown to the model" in err
    lines[351] = "oops" + lines[351]
    clouds.write_text("\n".join(lines) + "\n")
    (tmp_path / "p.csv").write_text("old")
    code, _, err = glassnet("predict", "m.glassnet", clouds, "--out", "p.csv")
    assert code == 2 and "column 'a'" in err and (tmp_path / "p.csv").read_text() == "old"
