"""``glassnet serve`` from start to shutdown."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from glassnet.cli import main
from glassnet.web.server_runtime import listen

from .running import SOURCE


@pytest.fixture
def refused(capsys):
    """Return a function that runs the command, which must refuse, and gives what it says."""

    def run(*options):
        with pytest.raises(SystemExit) as ended:
            main(["serve", *map(str, options)])
        said = capsys.readouterr()
        assert ended.value.code == 2 and said.err.count("\n") == 1
        return said.err

    return run


def asked(address, path, body=None, token=None, patience=20):
    request = urllib.request.Request(address + path, None if body is None else json.dumps(body).encode())
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.loads(response.read())
        except (ConnectionRefusedError, urllib.error.URLError) as error:
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_a_model_is_served_with_rows_a_log_and_a_shutdown(started, model_file, digits_model) -> None:
    process, content = started(model_file, "--log", "json")
    assert content["token"] is None and re.fullmatch(r"http://127\.0\.0\.1:\d+/", content["address"])
    described = asked(content["address"], "api/model")
    assert (
        described["name"] == "small digits.glassnet"
        and described["examples"]["rows"] == 360
        and described["training_rows"] == 1437
    )
    answer = asked(content["address"], "api/predict", {"rows": [[0] * 64, [16] * 64]})
    assert answer["predictions"] == digits_model.predict([[0] * 64, [16] * 64]).tolist()
    process.send_signal(signal.SIGTERM)
    _, lines = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM  # all was answered; then the signal has its way, as is the custom
    lines = [json.loads(line) for line in lines.splitlines()]
    assert [(line["method"], line["path"], line["status"], line["rows"]) for line in lines] == [
        ("GET", "/api/model", 200, None),
        ("POST", "/api/predict", 200, 2),
    ]
    assert all(line["ms"] > 0 and line["client"] == "127.0.0.1" and line["time"].endswith("Z") for line in lines)


def test_ctrl_c_shuts_down_with_exit_code_0(started, model_file) -> None:
    process, content = started(model_file)
    asked(content["address"], "healthz")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode in (0, 130) and "Traceback" not in said


def test_beyond_this_machine_a_token_is_generated_and_required(started, model_file) -> None:
    _, content = started(model_file, "--host", "0.0.0.0")
    address = content["address"].replace("0.0.0.0", "127.0.0.1")
    assert len(content["token"]) >= 32
    with pytest.raises(urllib.error.HTTPError, match="401"):
        asked(address, "api/model")
    assert asked(address, "api/model", token=content["token"])["name"] == "small digits.glassnet"


def test_a_token_is_taken_from_the_environment_and_a_short_one_refused(refused, model_file, monkeypatch) -> None:
    assert "--token has 5 characters; use 16 or more" in refused(model_file, "--token", "short")
    assert "letters, digits" in refused(model_file, "--token", "sixteen letters and a blank")
    monkeypatch.setenv("GLASSNET_TOKEN", "tiny")
    assert "--token has 4 characters" in refused(model_file)


def test_startup_errors_are_one_line(refused, model_file, tmp_path, monkeypatch) -> None:
    assert "there is no such file" in refused(tmp_path / "nothing.glassnet")
    assert "--log loud is not known; choose one of plain, json, none" in refused(model_file, "--log", "loud")
    assert "70000" in refused(model_file, "--port", "70000")
    rows = tmp_path / "rows.csv"
    rows.write_text("a,label\n1,2\n")
    assert re.search(r"--data .*rows.csv: column '1x1', .* is missing", refused(model_file, "--data", rows))
    taken = listen("127.0.0.1", 0)[0]
    socket.create_connection(taken.getsockname(), timeout=5).close()  # who comes before the server is ready waits
    port = taken.getsockname()[1]
    assert f"can't listen on 127.0.0.1, port {port}: Address already in use" in refused(model_file, "--port", port)
    taken.close()
    assert "can't listen on 203.0.113.7" in refused(model_file, "--host", "203.0.113.7", "--port", 0)
    assert "can't listen on no.such.host.invalid" in refused(model_file, "--host", "no.such.host.invalid")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else object())
    assert "pip install 'glassnet[web]'" in refused(model_file)


def test_rows_of_a_file_become_the_examples_and_an_unknown_class_is_reported(
    refused, started, model_file, tmp_path
) -> None:
    names = [f"{row}x{column}" for row in range(1, 9) for column in range(1, 9)]
    rows = tmp_path / "rows.csv"
    rows.write_text(",".join(["note", *names]) + "\n" + ",".join(["hello", *["1"] * 64]) + "\n")
    _, content = started(model_file, "--data", rows)
    described = asked(content["address"], "api/model")
    assert described["examples"] == {"source": "rows.csv", "rows": 1, "has_target": False, "held_out": False}
    rows.write_text(",".join(["label", *names]) + "\n" + ",".join(["11", *["1"] * 64]) + "\n")
    assert "row 1 has the class 11, unknown to the model" in refused(model_file, "--data", rows)


def test_without_a_model_the_digits_are_trained_with_a_message(tmp_path) -> None:
    code = "import sys; from glassnet.cli import main; main(sys.argv[1:])"
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", code, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = [process.stdout.readline() for _ in range(4)]
        process.terminate()
    assert "no model given: training one on scikit-learn's digits" in lines[0]
    assert re.fullmatch(r"trained in [\d.]+ s; on 360 test rows: accuracy 9\d\.\d\d %\n", lines[1])
    assert re.fullmatch(r"page: http://127\.0\.0\.1:\d+/\n", lines[2]) and lines[3] == "press Ctrl-C to stop\n"
    assert process.returncode == -signal.SIGTERM
