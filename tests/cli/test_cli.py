"""The command line, with valid and invalid input."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassnet import load
from glassnet.cli import main
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.network.structure import Structure

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def glassnet(capsys: pytest.CaptureFixture):
    """Return a function that runs the command line and gives exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Return a CSV of 60 rows: two clouds, labeled by text."""
    rng = np.random.default_rng(0)
    kind = np.arange(60) % 2
    x = rng.standard_normal((60, 2)) + 5 * kind[:, np.newaxis]
    lines = [f"{a:.4f},{('daisy', 'tulip')[k]},{b:.4f}" for (a, b), k in zip(x, kind, strict=True)]
    path = tmp_path / "flowers of spring.csv"
    path.write_text("\n".join(["length,label,größe", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """Return a CSV of 80 rows whose target is a value."""
    x = np.random.default_rng(0).uniform(0, 10, (80, 2))
    lines = [f"{a},{b},{1000 * a + 500.5 * b}" for a, b in x]
    path = tmp_path / "houses.csv"
    path.write_text("\n".join(["rooms,age,price", *lines]) + "\n")
    return path


@pytest.fixture
def model(glassnet, flowers: Path, tmp_path: Path) -> Path:
    path = tmp_path / "m.glassnet"
    assert glassnet("train", flowers, "--hidden", "8", "--epochs", "90", "--out", path, "-q")[0] == 0
    return path


# -------------------------------------------------------------------------------------------------------------- train


def test_without_a_file_train_uses_the_digits_and_prints_the_accuracy_after_every_epoch(
    glassnet, tmp_path: Path
) -> None:
    code, out, err = glassnet("train", "--epochs", 3, "--out", tmp_path / "m.glassnet")
    assert (code, err) == (0, "")
    epochs = re.findall(
        r"^epoch (\d)/3  loss \d\.\d{4}  training accuracy .* %  test accuracy \d+\.\d\d %", out, re.MULTILINE
    )
    assert epochs == ["1", "2", "3"]
    assert "training on scikit-learn's digits" in out
    assert load(tmp_path / "m.glassnet").structure.layer_sizes == (64, 128, 64, 10)


def test_train_prints_the_target(glassnet, flowers: Path, houses: Path) -> None:
    assert "classification: predicting 'label' (by its name" in glassnet("train", flowers, "--epochs", 1)[1]
    assert "regression: predicting 'price' from 2" in glassnet("train", houses, "--target", "price", "--epochs", 1)[1]


def test_json_prints_one_object_and_quiet_prints_nothing(glassnet, flowers: Path) -> None:
    code, out, err = glassnet("train", flowers, "--test", flowers, "--json")
    found = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert found["test_accuracy"] > 0.9 and found["epochs"] == 75 and found["model"] is None
    assert {"training_loss", "training_accuracy", "test_loss", "seconds", "engine", "stop_reason"} <= set(found)
    assert glassnet("train", flowers, "--epochs", 1, "--quiet") == (0, "", "")


def test_a_tenth_of_the_rows_is_held_out_unless_there_is_a_test_file(glassnet, flowers: Path) -> None:
    alone = json.loads(glassnet("train", flowers, "--epochs", 1, "--json")[1])
    tested = json.loads(glassnet("train", flowers, "--test", flowers, "--epochs", 1, "--json")[1])
    assert (alone["rows"], tested["rows"]) == (54, 60)
    assert "validation_accuracy" in alone and "validation_accuracy" not in tested
    third = json.loads(glassnet("train", flowers, "--validation-fraction", "0.3", "--epochs", 1, "--json")[1])
    assert third["rows"] == 42


def test_no_row_of_a_small_table_is_held_out(glassnet, tmp_path: Path) -> None:
    (tmp_path / "xor.csv").write_text("a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    code, out, err = glassnet("train", tmp_path / "xor.csv", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["rows"] == 4 and found["training_accuracy"] == 1 and "validation_loss" not in found


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".zst"])
def test_compressed_files_train_the_same(glassnet, flowers: Path, ending: str, tmp_path: Path) -> None:
    packed = tmp_path / f"packed.csv{ending}"
    with pa.output_stream(str(packed), compression="detect") as stream:
        stream.write(flowers.read_bytes())
    plain, small = (
        json.loads(glassnet("train", path, "--epochs", 2, "--json")[1])["training_loss"] for path in (flowers, packed)
    )
    assert plain == small


@pytest.mark.parametrize(
    ("option", "name"),
    [("--activation", name) for name in ACTIVATIONS]
    + [("--optimizer", name) for name in [*OPTIMIZERS, "lbfgs"]]
    + [("--schedule", name) for name in SCHEDULES]
    + [("--loss", name) for name in LOSSES if name not in ("poisson", "pinball")],
)
def test_every_registered_name_is_accepted(glassnet, flowers: Path, option: str, name: str) -> None:
    code, out, err = glassnet("train", flowers, option, name, "--epochs", 2, "--hidden", "4,3", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["epochs"] <= 2


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"focal", "hinge"} - {x for x in LOSSES if "entropy" in x}))
def test_every_regression_loss_is_accepted(glassnet, houses: Path, loss: str) -> None:
    arguments = ("--target", "price", "--loss", loss, "--epochs", 2, "--json", "--learning-rate", "0.0001")
    code, out, err = glassnet("train", houses, *arguments)
    if loss == "poisson":  # prices by the thousand may overflow the exponential: both results are reported
        assert code in (0, 2)
    else:
        assert (code, err) == (0, "") and json.loads(out)["task"] == "regression"


@pytest.mark.parametrize(("hidden", "sizes"), [("", (2, 2)), ("8", (2, 8, 2)), ("16, 8", (2, 16, 8, 2))])
def test_hidden_layers_are_a_list(glassnet, flowers: Path, hidden: str, sizes: tuple, tmp_path: Path) -> None:
    assert glassnet("train", flowers, "--hidden", hidden, "--epochs", 1, "--out", tmp_path / "m", "-q")[0] == 0
    assert load(tmp_path / "m").structure.layer_sizes == sizes


def test_settings_reach_the_training(glassnet, flowers: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    text = "--epochs 3 --batch-size 7 --dropout 0.1,0.2 --l2 0.01 --weight-decay 0.02 --patience 2 --seed 5"
    options = text.split(" ")
    arguments = ["--hidden", "4", "--optimizer", "lion", "--learning-rate", "0.003", "--schedule", "cosine"]
    assert glassnet("train", flowers, *options, *arguments, "--out", out, "-q")[0] == 0
    found = load(out).settings
    assert (found.batch_size, found.dropout, found.l2, found.weight_decay, found.patience) == (
        7,
        [0.1, 0.2],
        0.01,
        0.02,
        2,
    )
    assert (found.optimizer, found.learning_rate, found.schedule, found.random_state) == ("lion", 0.003, "cosine", 5)


def test_every_other_setting_is_set_by_name(glassnet, flowers: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    texts = ["l1=0.01", "initializer=normal", "shuffle=false", 'optimizer_settings={"beta_1": 0.8}', "epochs=2"]
    options = [part for text in texts for part in ("--set", text)]
    activations = ("--hidden", "4,3", "--activation", "tanh, elu")
    assert glassnet("train", flowers, *activations, *options, "--out", out, "-q")[0] == 0
    model = load(out)
    found = model.settings
    assert (found.l1, found.initializer, found.shuffle, found.epochs) == (0.01, "normal", False, 2)
    assert found.optimizer_settings == {"beta_1": 0.8}
    assert [activation.name for activation in model.structure.activations] == ["tanh", "elu", "softmax"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("l1", "there is no '='"),
        ("optimiser=adam", "did you mean 'optimizer'"),
        ("l1=much", "l1 is 'much'"),
        ("batch_size=0", "is 0"),
    ],
)
def test_an_invalid_setting_is_a_user_error(glassnet, flowers: Path, text: str, words: str) -> None:
    code, _, err = glassnet("train", flowers, "--set", text)
    assert code == 2 and words in err


def test_a_seed_of_any_size_is_accepted(glassnet, flowers: Path) -> None:
    assert glassnet("train", flowers, "--epochs", 1, "--seed", 2**80 + 5, "-q") == (0, "", "")


def test_the_same_seed_gives_the_same_model(glassnet, flowers: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        glassnet("train", flowers, "--epochs", 2, "--seed", seed, "--out", tmp_path / name, "-q")
    a, b, c = (load(tmp_path / name).vector.tobytes() for name in "abc")
    assert a == b != c


def test_warm_start_continues_from_a_model_file(glassnet, flowers: Path, model: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.glassnet"
    options = ("--warm-start", model, "--epochs", 1, "--optimizer", "gradient_descent", "--learning-rate", 1e-9)
    code, _, err = glassnet("train", flowers, *options, "--out", again)
    assert (code, err) == (0, "")
    before, after = load(model), load(again)
    assert after.structure == before.structure and after.classes == before.classes
    np.testing.assert_allclose(after.vector, before.vector, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task", "regression"], "the model of --warm-start is for classification"),
        (["--stream"], "--warm-start trains in memory"),
        (["--target", "length"], "flowers of spring.csv: row 1 has the class"),
    ],
)
def test_warm_start_with_options_that_do_not_match_is_a_user_error(
    glassnet, flowers: Path, model: Path, options: list[str], message: str
) -> None:
    code, _, err = glassnet("train", flowers, "--warm-start", model, *options)
    assert (code, err.count("\n")) == (2, 1) and message in err


def test_divergence_is_reported_and_saves_the_last_finite_parameters(glassnet, houses: Path, tmp_path: Path) -> None:
    wild = ["--target", "price", "--optimizer", "gradient_descent", "--schedule", "constant", "--learning-rate", "1e30"]
    code, out, err = glassnet("train", houses, *wild, "--out", tmp_path / "m")
    assert code == 2 and err.count("\n") == 1
    assert "no longer a finite number at epoch 1, batch" in err and "nothing was saved" in err
    assert not (tmp_path / "m").exists()


# ------------------------------------------------------------------------------------- evaluate, predict, show, plot


def test_evaluate_prints_accuracy_classes_and_confusion_matrix(glassnet, model: Path, flowers: Path) -> None:
    code, out, err = glassnet("evaluate", model, flowers)
    assert (code, err) == (0, "")
    assert (
        re.search(r"accuracy \d+\.\d\d %", out)
        and "daisy" in out
        and "precision" in out
        and "truth \\ predicted" in out
    )
    found = json.loads(glassnet("evaluate", model, flowers, "--json")[1])
    assert found["accuracy"] > 0.95 and found["rows"] == 60
    assert sum(map(sum, found["confusion_matrix"])) == 60
    assert set(found["classes"]) == {"daisy", "tulip"}


def test_evaluate_prints_regression_metrics(glassnet, houses: Path, tmp_path: Path) -> None:
    glassnet("train", houses, "--target", "price", "--epochs", 60, "--out", tmp_path / "m", "-q")
    code, out, _ = glassnet("evaluate", tmp_path / "m", houses)
    assert code == 0 and "R² 0.9" in out and "mean absolute error" in out and "root mean squared error" in out
    assert json.loads(glassnet("evaluate", tmp_path / "m", houses, "--json")[1])["r2"] > 0.9


def test_classes_may_be_numbers_with_fractions(glassnet, tmp_path: Path) -> None:
    rows = [f"{value},{value}" for value in (0.5, 1.0, 2.0) * 40]
    (tmp_path / "train.csv").write_text("\n".join(["a,label", *rows]))
    (tmp_path / "whole.csv").write_text("\n".join(["a,label", *(row for row in rows if "5" not in row)]))
    arguments = ("--task", "classification", "--test", tmp_path / "whole.csv", "--out", tmp_path / "m", "--json")
    code, out, err = glassnet("train", tmp_path / "train.csv", *arguments)
    assert (code, err) == (0, "") and json.loads(out)["test_accuracy"] == 1
    assert load(tmp_path / "m").classes == ("0.5", "1", "2")
    for name in ("train", "whole"):
        assert json.loads(glassnet("evaluate", tmp_path / "m", tmp_path / f"{name}.csv", "--json")[1])["accuracy"] == 1


def test_a_confusion_matrix_of_many_classes_is_not_printed(glassnet, tmp_path: Path) -> None:
    for classes in (20, 21):
        (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(f"{i % classes},c{i % classes}" for i in range(84)))
        glassnet("train", tmp_path / "t.csv", "--epochs", 1, "--out", tmp_path / "m", "-q")
        out = glassnet("evaluate", tmp_path / "m", tmp_path / "t.csv")[1]
        assert "precision" in out and ("truth \\ predicted" in out) == (classes == 20)


def test_numbers_are_not_cut_off_on_a_narrow_terminal(
    glassnet, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a very long name indeed"
    flowers.write_text(flowers.read_text(encoding="utf-8").replace("daisy", name), encoding="utf-8")
    glassnet("train", flowers, "--out", tmp_path / "m", "-q")
    monkeypatch.setenv("COLUMNS", "20")
    _, out, _ = glassnet("evaluate", tmp_path / "m", flowers)
    assert "…" not in out
    assert re.search(rf"^ {name} +30 +· *$", out, re.MULTILINE)
    assert re.search(rf"^ {name} +1\.0000 +1\.0000 +30 *$", out, re.MULTILINE)


def test_predict_matches_columns_by_name_and_ignores_others(
    glassnet, model: Path, flowers: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    rows = [line.split(",") for line in flowers.read_text(encoding="utf-8").splitlines()]
    other.write_text(
        "\n".join(f"{c},{'id' if i == 0 else i},{a}" for i, (a, _, c) in enumerate(rows)), encoding="utf-8"
    )
    _, expected, _ = glassnet("predict", model, flowers)
    code, found, err = glassnet("predict", model, other)
    assert (code, err) == (0, "")
    assert found == expected
    assert found.splitlines()[0] == '"label"' and len(found.splitlines()) == 61


def test_predict_writes_csv_and_parquet_with_probabilities(
    glassnet, model: Path, flowers: Path, tmp_path: Path
) -> None:
    assert glassnet("predict", model, flowers, "--proba", "--out", tmp_path / "p.csv")[:2] == (0, "")
    assert glassnet("predict", model, flowers, "--proba", "--out", tmp_path / "p.parquet")[0] == 0
    assert glassnet("predict", model, flowers, "--proba", "--out", tmp_path / "P.Parquet")[0] == 0
    assert (tmp_path / "P.Parquet").read_bytes() == (tmp_path / "p.parquet").read_bytes()
    table = parquet.read_table(tmp_path / "p.parquet")
    assert table.column_names == ["label", "probability_daisy", "probability_tulip"]
    both = np.column_stack([table.columns[1].to_numpy(), table.columns[2].to_numpy()])
    np.testing.assert_allclose(both.sum(axis=1), 1, rtol=1e-5)
    header, first = (tmp_path / "p.csv").read_text().splitlines()[:2]
    assert header == '"label","probability_daisy","probability_tulip"'
    assert first.split(",")[0] == '"daisy"'


def test_show_prints_the_contents_of_the_file(glassnet, model: Path) -> None:
    code, out, _ = glassnet("show", model)
    assert code == 0
    for part in ("W1 2×8, b1 8", "softmax", "42", "mean 0 and deviation 1", "by adamw", "54 rows", "90 epochs", "█"):
        assert part in out
    found = json.loads(glassnet("show", model, "--json")[1])
    assert found["n_parameters"] == 42 and found["feature_names"] == ["length", "größe"] and len(found["history"]) == 90
    assert found["embeddings"] == [] and found["preprocessor"] == "standard" and found["metadata"]["best_epoch"] >= 1


def test_plot_prints_every_file_it_writes(glassnet, model: Path, flowers: Path, tmp_path: Path) -> None:
    code, out, _ = glassnet("plot", model, "--data", flowers, "--out", tmp_path / "new" / "plots")
    assert code == 0
    named = re.findall(r"^(.*\.png): ", out, re.MULTILINE)
    assert sorted(named) == sorted(str(path) for path in (tmp_path / "new" / "plots").iterdir())
    assert {"learning_curves.png", "confusion_matrix.png"} <= {Path(name).name for name in named}
    assert "--data" in glassnet("plot", model, "--out", tmp_path)[1]


def test_a_model_of_the_digits_is_evaluated_on_their_test_rows(glassnet, tmp_path: Path) -> None:
    glassnet("train", "--epochs", 4, "--out", tmp_path / "m", "-q")
    found = json.loads(glassnet("evaluate", tmp_path / "m", "--json")[1])
    assert found["rows"] == 360 and found["accuracy"] > 0.85
    assert "first_layer.png" in glassnet("plot", tmp_path / "m", "--out", tmp_path / "plots")[1]


def test_check_gradients_checks_every_activation_and_loss(glassnet) -> None:
    code, out, _ = glassnet("check-gradients", "--activation", "mish")
    assert code == 0 and f"{len(LOSSES)} of {len(LOSSES)} correct" in out
    found = json.loads(glassnet("check-gradients", "--loss", "huber", "--json")[1])
    assert found["checks"] == len(ACTIVATIONS) and found["incorrect"] == [] and found["largest_error"] < 1e-6


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--seed", "-1", "seed is -1; it must be a whole number, 0 or more"),
        ("--layers", "3,x", "--layers 3,x: 'x' is not a whole number"),
        ("--layers", "3", "give the inputs and at least one layer"),
        ("--loss", "none", "loss 'none' is not known"),
    ],
)
def test_check_gradients_rejects_invalid_options(glassnet, option: str, value: str, message: str) -> None:
    code, out, err = glassnet("check-gradients", option, value)
    assert (code, out, err.count("\n")) == (2, "", 1) and message in err


def test_check_gradients_exits_with_1_if_a_gradient_is_incorrect(glassnet, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    wrong = replace(ACTIVATIONS["tanh"], derivative=lambda da, z, a, out=None: np.multiply(da, 0.9, out=out))
    monkeypatch.setitem(ACTIVATIONS, "tanh", wrong)
    code, out, _ = glassnet("check-gradients", "--activation", "tanh", "--loss", "huber")
    assert code == 1 and "WRONG" in out and "0 of 1 correct" in out


def test_export_writes_what_onnxruntime_reads(glassnet, model: Path, flowers: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="ONNX files are made with the package onnx, which is not here")
    ort = pytest.importorskip("onnxruntime", reason="ONNX files are read by onnxruntime, which is not here")
    loaded, x = load(model), np.random.default_rng(0).standard_normal((9, 2)) + 2.5
    for options, kind in (([], np.float32), (["--float64"], np.float64)):
        code, out, err = glassnet("export", model, "--to", tmp_path / "new" / "m.onnx", *options)
        assert (code, err) == (0, "") and "m.onnx" in out
        session = ort.InferenceSession(str(tmp_path / "new" / "m.onnx"))
        label, probabilities = session.run(None, {"X": x.astype(kind)})
        assert label.tolist() == loaded.predict(x).tolist()
        assert np.allclose(probabilities, loaded.predict_proba(x), atol=1e-5)
    code, _, err = glassnet("export", model, "--to", tmp_path / "m.pt")
    assert (code, err.count("\n")) == (2, 1) and "only ONNX files are written; end the name with .onnx" in err


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "predict", "export", "show", "plot", "report", "check-gradients"]
)
def test_help_documents_every_option_with_its_default(glassnet, command: str) -> None:
    code, out, _ = glassnet(command, "--help")
    assert code == 0
    if command == "train":
        text = re.sub(r"[\s│]+", " ", out)
        for part in (
            "--hidden",
            "[default: 128,64]",
            "[default: adamw]",
            "[default: one_cycle]",
            "[default: (not saved)]",
        ):
            assert part in text
        assert out.count("[default:") >= 17
    assert glassnet("--version")[:2] == (0, "glassnet 0.1.0\n")


# ----------------------------------------------------------------------------------------------------- what is refused


def lines(*rows: str) -> bytes:
    return "\n".join(rows).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (lines("a,label"), "has a header but no rows"),
        (lines("a,label", "1,x", "2"), "row 2 has 1 columns and the header 2"),
        (b"\0\1\2\3" * 50, "this is a binary file"),
        (lines("a,label", *(f"{n / 8},{'xy'[n % 2]}" for n in range(30)), "two,y"), "row 31, column 'a' is 'two'"),
        (lines("a,label", "1,x", "inf,y"), "row 2, column 'a' is inf"),
        (lines("a,label", "1,x", "2,"), "row 2, target column 'label'"),
        (lines("a,label", "1,x", "2,x"), "the target has only one class, 'x'"),
        (lines("label", "x", "y"), "there is no column beside the target"),
        (lines("a,label", *["1,x"] * 9, "1.5 kg,x"), "row 10, column 'a' is '1.5 kg', which is not a number"),
        ("a,label\n1,é\n2,".encode() + b"\xe9\n", "not UTF-8 text"),
    ],
)
def test_an_invalid_file_is_a_user_error_in_one_line(glassnet, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    code, out, err = glassnet("train", path)
    assert code == 2
    assert (message in err and "bad.csv" in err) or "only one class" in err
    assert err.count("\n") == 1 and "Traceback" not in err + out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "missing.csv: there is no such file"),
        (["part-*.csv"], "part-*.csv: no file matches the pattern"),
        (["FLOWERS", "--target", "price"], "there is no column 'price'; the columns are 'length', 'label', 'größe'"),
        (["FLOWERS", "--hidden", "128,x"], "--hidden 128,x: 'x' is not a whole number; write it like --hidden 128,64"),
        (["FLOWERS", "--hidden", "0"], "a layer has a whole number of units"),
        (["FLOWERS", "--hidden", "-3"], "a layer has a whole number of units"),
        (["FLOWERS", "--hidden", "9999999999"], "parameters; the most is"),
        (["FLOWERS", "--dropout", "1.5"], "must be at least 0 and below 1"),
        (["FLOWERS", "--dropout", "a"], "--dropout a: 'a' is not a number; write it like --dropout 0.2,0.5"),
        (["FLOWERS", "--dropout", "0.1,0.1"], "dropout has 2 rates"),
        (["FLOWERS", "--dropout", ""], "dropout"),
        (["FLOWERS", "--epochs", "-1"], "epochs is -1"),
        (["FLOWERS", "--epochs", "many"], "--epochs': Input should be a valid integer"),
        (["FLOWERS", "--batch-size", "0"], "batch_size is 0"),
        (["FLOWERS", "--seed", "-1"], "random_state is -1"),
        (["FLOWERS", "--learning-rate", "nan"], "learning_rate is nan"),
        (["FLOWERS", "--activation", "rely"], "did you mean 'relu'"),
        (["FLOWERS", "--loss", "crossentropy"], "loss 'crossentropy' is not known"),
        (["FLOWERS", "--loss", "poisson"], "loss 'poisson' is for values"),
        (["FLOWERS", "--optimizer", "sgd"], "optimizer 'sgd' is not known"),
        (
            ["FLOWERS", "--optimizer", "lbfgs", "--learning-rate", "1"],
            "learning_rate does not go with optimizer 'lbfgs'",
        ),
        (["FLOWERS", "--schedule", "one-cycle"], "did you mean 'one_cycle'"),
        (["FLOWERS", "--task", "guess"], "--task guess is not known"),
        (["FLOWERS", "--task", "regression"], "holds text"),
        (["FLOWERS", "--validation-fraction", "1"], "validation_fraction is 1.0"),
        (["FLOWERS", "--validation-fraction", "0.0001"], "leaves no row on one side"),
        (["FLOWERS", "--hiden", "3"], "No such option: --hiden"),
        (["FLOWERS", "FLOWERS"], "unexpected extra argument"),
        (["--test", "FLOWERS"], "--test needs the file to train on too"),
        (["FLOWERS", "--test", "missing.csv"], "missing.csv: there is no such file"),
        (["FLOWERS", "--out", "FLOWERS/m.glassnet"], "can't be written"),
        (["FLOWERS", "--out", "."], "this is a folder"),
    ],
)
def test_an_invalid_option_is_a_user_error_in_one_line(
    glassnet, arguments: list[str], message: str, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = glassnet("train", *(argument.replace("FLOWERS", str(flowers)) for argument in arguments))
    assert (code, err.count("\n")) == (2, 1), out + err
    assert message in err
    assert "epoch" not in out


def test_a_memory_error_is_one_line(glassnet, flowers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError("Unable to allocate 28.8 GiB")

    monkeypatch.setattr(Structure, "new_vector", full)
    code, _, err = glassnet("train", flowers)
    assert (code, err.count("\n")) == (2, 1)
    assert "not enough memory (Unable to allocate 28.8 GiB); use fewer units, or fewer rows" in err


def test_without_a_command_the_help_is_printed(glassnet) -> None:
    code, out, err = glassnet()
    assert (code, err) == (2, "") and "check-gradients" in out


def test_a_test_file_must_have_the_same_columns_and_classes(glassnet, flowers: Path, tmp_path: Path) -> None:
    text = flowers.read_text(encoding="utf-8")
    for changed, message in (
        (text.replace("größe", "width"), "column 'größe' is missing; it has 'label', 'width' instead"),
        (
            text.replace("tulip", "rose", 1),
            "row 2 has the class 'rose', unknown to the model, which knows 'daisy', 'tulip'",
        ),
        (text.replace("label", "sort"), "the target column 'label' is missing"),
    ):
        (tmp_path / "test.csv").write_text(changed, encoding="utf-8")
        code, out, err = glassnet("train", flowers, "--test", tmp_path / "test.csv")
        assert (code, err.count("\n")) == (2, 1) and message in err and "test.csv" in err


def test_a_test_file_with_a_text_target_is_rejected_for_regression(glassnet, houses: Path, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("rooms,age,price\n1,2,cheap\n")
    code, out, err = glassnet("train", houses, "--target", "price", "--test", tmp_path / "test.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "test.csv: row 1, column 'price' is 'cheap', which is not a number; correct it" in err
    glassnet("train", houses, "--target", "price", "--epochs", 1, "--out", tmp_path / "m", "-q")
    assert "this model predicts numbers" in glassnet("evaluate", tmp_path / "m", tmp_path / "test.csv")[2]


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_model_needs_the_columns_it_was_trained_on(
    glassnet, command: str, model: Path, flowers: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.csv").write_text("length,label\n1,daisy\n")
    code, _, err = glassnet(command, model, tmp_path / "other.csv")
    assert (code, err.count("\n")) == (2, 1) and "other.csv: column 'größe' is missing" in err
    code, _, err = glassnet(command, model, tmp_path / "missing.csv")
    assert code == 2 and "there is no such file" in err


def test_an_invalid_truncated_or_newer_model_file_is_rejected(
    glassnet, model: Path, flowers: Path, tmp_path: Path
) -> None:
    whole = model.read_bytes()
    newer = whole.replace(b'\\"format_version\\": 3', b'\\"format_version\\": 9')
    assert newer != whole
    for content, message in (
        (b"not a model", "this is no glassnet model"),
        (whole[: len(whole) // 2], "cut short"),
        (newer, "install a newer glassnet"),
    ):
        (tmp_path / "bad.glassnet").write_bytes(content)
        others = (["show"], ["plot", "--out", tmp_path / "p"], ["export", "--to", tmp_path / "m.onnx"])
        for command in (["evaluate", flowers], ["predict", flowers], *others):
            code, out, err = glassnet(command[0], tmp_path / "bad.glassnet", *command[1:])
            assert (code, out, err.count("\n")) == (2, "", 1) and message in err and "bad.glassnet" in err


def test_evaluate_and_predict_need_rows(glassnet, model: Path, flowers: Path, tmp_path: Path) -> None:
    code, _, err = glassnet("evaluate", model)
    assert code == 2 and "name the file with the rows" in err
    code, _, err = glassnet("predict", model, flowers, "--out", flowers / "p.csv")
    assert (code, err.count("\n")) == (2, 1) and "can't be written" in err
    code, _, err = glassnet("plot", model, "--out", flowers)
    assert (code, err.count("\n")) == (2, 1)


CELL = st.one_of(
    st.integers(-5, 300).map(str),
    st.floats(allow_nan=True).map(str),
    st.text("ab,;\"'\n\r\t é\0=", max_size=4),
    st.sampled_from(["", "NA", "true", "1e400", "2024-01-31", "10:00", "0x1F", "-", "9" * 30]),
)


MANGLED = given(
    header=st.lists(st.sampled_from(["a", "b", "label", "y", "", "1", "é"]), min_size=1, max_size=4),
    rows=st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=6),
)


def check_mangled_file(glassnet, header, rows, tmp_path: Path) -> None:
    path = tmp_path / "mangled.csv"
    path.write_text("\n".join(",".join(row) for row in [header, *rows]), encoding="utf-8", newline="")
    code, out, err = glassnet("train", path, "--epochs", 1, "--hidden", "2")
    assert code in (0, 2), err
    assert err.count("\n") == (1 if code == 2 else 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@MANGLED
def test_a_mangled_file_is_trained_on_or_rejected_in_one_line(glassnet, header, rows, tmp_path: Path) -> None:
    check_mangled_file(glassnet, header, rows, tmp_path)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@MANGLED
def test_many_mangled_files_are_trained_on_or_rejected_in_one_line(glassnet, header, rows, tmp_path: Path) -> None:
    check_mangled_file(glassnet, header, rows, tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), ending=st.sampled_from(["csv", "csv.gz", "csv.bz2", "csv.zst"]))
def test_a_file_of_any_bytes_is_rejected_in_one_line(glassnet, content, ending, tmp_path: Path) -> None:
    path = tmp_path / f"bytes.{ending}"
    path.write_bytes(content)
    code, _, err = glassnet("train", path)
    assert (code, err.count("\n")) == (2, 1), err


# ------------------------------------------------------------------------------------------------ as a real process


def process(*arguments: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", "from glassnet.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(SOURCE)}, **options)


def test_a_terminal_shows_a_progress_bar() -> None:
    reader, writer = pty.openpty()
    running = process("train", "--epochs", 40, stdout=writer, stderr=writer, stdin=writer)
    os.close(writer)
    received = b""
    while True:
        ready, _, _ = select.select([reader], [], [], 60)
        try:
            part = os.read(reader, 65536) if ready else b""
        except OSError:
            break
        if not part:
            break
        received += part
    os.close(reader)
    assert running.wait(60) == 0
    text = received.decode()
    assert "━" in text and re.search(r"\d:\d\d:\d\d", text)
    assert max(int(rate.replace(",", "")) for rate in re.findall(r"([\d,]+) rows/s", text)) > 1000
    assert re.search(r"test accuracy \d+\.\d\d %", text) and "all epochs done" in text


def test_without_a_terminal_plain_lines_are_printed(flowers: Path) -> None:
    running = process("train", flowers, "--epochs", 2, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0 and err == b""
    assert b"\x1b" not in out and b"\r" not in out and out.count(b"epoch ") == 3


def test_ctrl_c_outside_training_is_silent(glassnet, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("glassnet.cli.inspect.load_model", interrupted)
    assert glassnet("show", model) == (130, "", "")


def test_ctrl_c_saves_the_model_and_exits_with_130(tmp_path: Path) -> None:
    saved = tmp_path / "m.glassnet"
    running = process(
        "train", "--epochs", 100_000, "--out", saved, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it otherwise
    )  # fmt: skip
    for _ in range(5):
        running.stdout.readline()
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err == b"" and b"interrupted: best epoch" in out
    assert load(saved).metadata["stop_reason"] == "interrupted"


def test_a_broken_pipe_is_not_an_error(model: Path, flowers: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    many.write_text("length,größe\n" + "1,2\n" * 100_000, encoding="utf-8")
    running = process("predict", model, many, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.read(10)
    running.stdout.close()
    assert running.wait(60) == 0
    assert running.stderr.read() == b""
    running.stderr.close()


@pytest.mark.slow
def test_mnist_reaches_98_percent(mnist: Path, tmp_path: Path) -> None:
    """The whole job in Kaggle's layout; the README's figure is the median of three seeds, this is one of them."""
    running = process(
        "train",
        mnist / "mnist_train.csv.gz",
        "--test",
        mnist / "mnist_test.csv.gz",
        "--out",
        tmp_path / "m.glassnet",
        "--json",
        stdout=subprocess.PIPE,
    )
    out, _ = running.communicate(timeout=300)
    assert json.loads(out)["test_accuracy"] >= 0.978


# ------------------------------------------------------------------------------------------- what a file's names may do


def test_spreadsheet_safe_writes_formulas_as_text(glassnet, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,=b()\n" + "0,=cmd()\n1,fine\n" * 30, encoding="utf-8")
    saved = tmp_path / "m.glassnet"
    assert glassnet("train", rows, "--target", "=b()", "--epochs", 30, "--out", saved, "-q")[0] == 0
    code, out, _ = glassnet("predict", saved, rows, "--spreadsheet-safe", "--out", tmp_path / "safe.csv")
    assert (code, out) == (0, "")
    lines = (tmp_path / "safe.csv").read_text().splitlines()
    assert lines[0] == '"\'=b()"' and lines[1] == '"\'=cmd()"' and lines[2] == '"fine"'
    assert glassnet("predict", saved, rows, "--out", tmp_path / "plain.csv")[0] == 0
    assert (tmp_path / "plain.csv").read_text().splitlines()[:2] == ['"=b()"', '"=cmd()"']
    code, _, err = glassnet("predict", saved, rows, "--spreadsheet-safe", "--out", tmp_path / "p.parquet")
    assert code == 2 and "is for CSV" in err


def test_control_characters_of_a_file_are_escaped(glassnet, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a\x1b[2J,label\n" + "0,\x1b]0;mine\x07\n1,\u202eno\n" * 30, encoding="utf-8")
    saved = tmp_path / "m.glassnet"
    for words in (("train", rows, "--epochs", 3, "--out", saved), ("show", saved), ("evaluate", saved, rows)):
        code, out, err = glassnet(*words)
        assert code == 0
        assert not set("\x1b\x07\u202e") & set(out + err)
    assert r"\x1b]0;mine" in glassnet("show", saved)[1]


# ------------------------------------------------------------------------------------------------------------- engine


def test_engine_prints_the_machine_code_that_is_used(glassnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glassnet.engines.fused import build, machine_code
    from glassnet.engines.fused.machine_code import find_object

    used = find_object("float32")
    code, out, _ = glassnet("engine", "--json")
    assert code == 0
    assert json.loads(out)["objects"]["float32"] == (None if used is None else {"path": str(used.path), **used.facts})
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine_code, "PACKAGED", tmp_path)
    assert "float32: none; compiled at its first use" in glassnet("engine")[1]

    def compiled(dtype, level):
        facts = {"sources": machine_code.source_hash(), "sha256": build.hashlib.sha256(b"code").hexdigest()}
        return machine_code.MachineCode(tmp_path, {**facts, "compiler": "none"}, b"code")

    monkeypatch.setattr(build, "compile_object", compiled)
    code, out, _ = glassnet("engine", "build")
    assert code == 0 and "compiled for float32, float64 in 0 s" in out
    assert str(machine_code.compiled_folder()) in out and out.count("kB; none") == 2
    assert "compiled for" not in glassnet("engine", "build")[1]  # nothing is missing now


def test_engine_without_numba_says_how_to_compile(glassnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glassnet.engines.fused import machine_code

    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine_code, "PACKAGED", tmp_path)
    monkeypatch.setattr(machine_code, "can_compile", lambda: False)
    monkeypatch.setattr("glassnet.engines.fused.loader.can_compile", lambda: False)
    assert "pip install 'glassnet[build]'" in glassnet("engine")[1]
    code, _, err = glassnet("engine", "build")
    assert code == 2 and "Numba" in err and "glassnet[build]" in err
