"""The budget for work that requests cause: memory, threads, number; what does not fit, and clients that leave."""

import contextlib
import gc
import json
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import glassnet
from glassnet.web import explain, predict
from glassnet.web.app_state import AppState, Limits, make_examples
from glassnet.web.error_analysis.evaluation import evaluate, evaluation_memory
from glassnet.web.errors import ApiError
from glassnet.web.learn.manager import TrainingManager
from glassnet.web.learn.plan import prepare_training, read_plan
from glassnet.web.learn.training_rows import load_memory
from glassnet.web.request_rows import json_memory, parse_rows, read_json
from glassnet.web.responses import to_json
from glassnet.web.server import create_app
from glassnet.web.training_memory import training_memory
from glassnet.web.work import WorkBudget, acquire, checkpoint, keep_memory, require_memory

from .sockets import ask, code_of, connect, is_well

ROOT = Path(__file__).parents[2]


def plan(*hidden, kind="xor", **settings):
    data = {"kind": kind} if isinstance(kind, str) else kind
    return {"data": data, "hidden": list(hidden), "activations": ["relu"] * len(hidden), "settings": settings}


def post(at, path, content):
    return ask(at, path, "POST", json.dumps(content).encode())


def until(condition, seconds=30):
    """Wait until a condition holds; fail the test if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def is_idle(app):
    budget = app.state.budget
    return budget.used == 0 and not budget.clients and budget.threads.borrowed_tokens == 0


# ----------------------------------------------------------------------------------------------------------- the budget


def test_memory_that_does_not_fit_is_refused_and_given_back() -> None:
    budget = WorkBudget(Limits(memory=1000))
    first = budget.admit("a")
    first.memory.grow(600)
    second = budget.admit("a")
    with pytest.raises(ApiError, match="try again") as error:
        second.memory.grow(500)
    assert error.value.status_code == 503 and error.value.response().headers["retry-after"]
    with pytest.raises(ApiError, match="smaller network") as error:
        first.memory.grow(401)
    assert error.value.status_code == 413 and budget.used == 600
    first.close()
    second.memory.grow(500)
    second.close()
    assert budget.used == 0 and not budget.clients


def test_the_number_of_jobs_is_limited_for_all_and_for_each_client() -> None:
    budget = WorkBudget(Limits(jobs=3, jobs_per_client=2))
    jobs = [budget.admit("a"), budget.admit("a")]
    with pytest.raises(ApiError, match="wait for the response") as error:
        budget.admit("a")
    assert error.value.status_code == 429
    jobs.append(budget.admit("b"))
    with pytest.raises(ApiError, match="too many requests") as error:
        budget.admit("c")
    assert error.value.status_code == 503
    for job in jobs:
        job.close()
    budget.admit("a").close()


def test_outside_of_a_request_nothing_is_limited() -> None:
    checkpoint()
    require_memory(2**60)
    kept = keep_memory()
    kept.grow(2**60)
    kept.release()
    with acquire(threading.Lock()):
        pass


def test_the_default_budget_is_a_part_of_the_available_memory(monkeypatch) -> None:
    for available, expected in ((None, 2**27), (2**20, 2**27), (2**31, 2**29), (2**40, 2**32)):
        monkeypatch.setattr("glassnet.web.app_state.available_memory", lambda available=available: available)
        assert Limits().memory == expected


# ------------------------------------------------------------------------------------------------------------- requests


@pytest.fixture
def blocked(monkeypatch):
    """Let previews wait until the event is set, or until their work is ended; return the event and what happened."""
    proceed = threading.Event()
    seen = []

    def preview(manager, content):
        seen.append("began")
        require_memory(content["memory"])
        try:
            while not proceed.wait(0.01):
                checkpoint()
        except ApiError:
            seen.append("ended")
            raise
        return {"done": True}

    monkeypatch.setattr(TrainingManager, "preview", preview)
    yield proceed, seen
    proceed.set()


def test_what_does_not_fit_is_refused_at_once_and_the_rest_is_answered(serve, app_state, blocked) -> None:
    proceed, seen = blocked
    app_state.limits = Limits(memory=2**28, threads=4, jobs=4, seconds=30)
    app = create_app(app_state)
    at = serve(app)
    with ThreadPoolExecutor(8) as pool:
        first = [pool.submit(post, at, "/api/train/preview", {"memory": 100 * 2**20}) for _ in range(2)]
        until(lambda: len(seen) == 2)
        status, headers, content = post(at, "/api/train/preview", {"memory": 100 * 2**20})
        assert (status, json.loads(content)["error"]["code"]) == (503, "overloaded") and headers["retry-after"]
        assert code_of(post(at, "/api/train/preview", {"memory": 2**40})) == (413, "too_much_memory")
        more = [pool.submit(post, at, "/api/train/preview", {"memory": 0}) for _ in range(2)]
        until(lambda: len(app.state.budget.clients) == 1 and app.state.budget.clients.total() == 4)
        assert code_of(post(at, "/api/train/preview", {"memory": 0})) == (503, "overloaded")
        assert is_well(at) and post(at, "/api/predict", {"rows": [[0] * 64]})[0] == 200  # short ones need no thread
        proceed.set()
        assert [answer.result()[0] for answer in (*first, *more)] == [200] * 4
    until(lambda: is_idle(app))


def test_a_client_that_leaves_ends_its_work(serve, app_state, blocked) -> None:
    _, seen = blocked
    app_state.limits = Limits(seconds=60, threads=2)
    app = create_app(app_state)
    at = serve(app)
    body = json.dumps({"memory": 2**20}).encode()
    lines = [connect(at) for _ in range(5)]  # three of them wait for a thread
    for line in lines:
        line.sendall(
            b"POST /api/train/preview HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
    until(lambda: app.state.budget.clients.total() == 5 and seen.count("began") == 2)
    for line in lines:
        line.close()
    until(lambda: is_idle(app))
    assert seen.count("ended") == seen.count("began")


def test_work_whose_time_is_up_ends(serve, app_state, blocked) -> None:
    _, seen = blocked
    app_state.limits = Limits(seconds=0.5)
    app = create_app(app_state)
    at = serve(app)
    assert code_of(post(at, "/api/train/preview", {"memory": 0})) == (503, "timeout")
    until(lambda: is_idle(app))
    assert seen == ["began", "ended"]


def test_an_error_and_a_lack_of_memory_give_everything_back(serve, app_state, monkeypatch) -> None:
    app = create_app(app_state)
    at = serve(app)

    def fail(manager, content):
        raise MemoryError

    monkeypatch.setattr(TrainingManager, "preview", fail)
    assert code_of(post(at, "/api/train/preview", {})) == (503, "overloaded")
    monkeypatch.undo()
    assert code_of(post(at, "/api/train/preview", {"hidden": "no"})) == (422, "invalid_input")
    until(lambda: is_idle(app))


@pytest.mark.parametrize("read_only", [False, True])
def test_large_previews_are_within_the_budget(serve, app_state, read_only) -> None:
    app_state.read_only = read_only
    app_state.limits = Limits(memory=2**28, seconds=60)
    app = create_app(app_state)
    at = serve(app)
    assert code_of(post(at, "/api/train/preview", plan(1000, 1000, 1000, dtype="float64"))) == (413, "too_much_memory")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(at, "/api/train/preview", plan(500, 500, dtype="float64")), range(6)))
    assert {answer[0] for answer in answers} <= {200, 503} and 200 in {answer[0] for answer in answers}
    until(lambda: is_idle(app))


def test_finished_trainings_are_dropped_for_new_ones_and_their_memory_is_given_back(serve, app_state) -> None:
    app_state.limits = Limits(memory=2**28, seconds=60)
    app = create_app(app_state)
    at = serve(app)
    ids = []
    for _ in range(8):
        status, _, content = post(at, "/api/train", {"plan": plan(400, 400, dtype="float64", epochs=1)})
        assert status == 201, content
        ids.append(json.loads(content)["id"])
        assert ask(at, f"/api/train/{ids[-1]}/stop", "POST")[0] == 200
    kept = [name for name in ids if ask(at, f"/api/train/{name}")[0] == 200]
    assert kept and kept == ids[-len(kept) :] and len(kept) < len(ids)
    assert 0 < app.state.budget.used <= 2**27


def test_a_search_for_label_errors_takes_its_memory_until_it_ends(serve, app_state) -> None:
    app = create_app(app_state)
    at = serve(app)
    assert post(at, "/api/evaluate/label-errors", {"folds": 2})[0] == 202
    assert app.state.budget.used > 0
    assert ask(at, "/api/evaluate/label-errors/stop", "POST")[0] == 200
    until(lambda: is_idle(app))


LOAD = """
import json, resource, sys, threading, urllib.request, urllib.error
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import glassnet
from glassnet.web.app_state import AppState, Limits
from glassnet.web.server import create_app
from glassnet.web.server_runtime import Server, listen, server_config

budget = 300 * 2**20
model = glassnet.fit(np.arange(80.0).reshape(-1, 2), np.arange(40) % 2, hidden=(4,))
app = create_app(AppState(model, read_only=True, limits=Limits(memory=budget, threads=8, seconds=60)))
sockets = listen("127.0.0.1", 0)
server = Server(server_config(app))
threading.Thread(target=server.run, args=(sockets,), daemon=True).start()
while not server.started:
    pass
address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/api/train/preview"

def ask(units):
    plan = {"data": {"kind": "xor"}, "hidden": [units] * 2, "activations": ["relu"] * 2,
            "settings": {"dtype": "float64"}}
    try:
        with urllib.request.urlopen(address, json.dumps(plan).encode(), timeout=120) as response:
            response.read()
            return response.status
    except urllib.error.HTTPError as error:
        return error.code

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

ask(10)
before = peak()
in_use = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (in_use + budget + 2**32, resource.RLIM_INFINITY))
with ThreadPoolExecutor(12) as pool:
    statuses = list(pool.map(ask, [700] * 16))
print(json.dumps({"statuses": statuses, "grown": peak() - before, "budget": budget, "used": app.state.budget.used}))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read as on Linux")
def test_a_server_stays_within_its_memory_under_many_previews() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=280, cwd=ROOT, env=None, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    seen = json.loads(ended.stdout.splitlines()[-1])
    assert set(seen["statuses"]) <= {200, 503, 429} and 200 in seen["statuses"]
    assert seen["grown"] < seen["budget"] + 2**27 and seen["used"] == 0


# ------------------------------------------------------------------------------------------------------------ estimates


def peak_of(function):
    """Return the bytes that a function needs at most at the same time."""
    function()  # what is cached is not counted
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def wide_model(features, outputs, hidden=(20,)):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * outputs, features))
    settings = glassnet.recommended_settings(len(x), epochs=1, engine="reference", batch_size=200)
    return glassnet.fit(x, class_names(2 * outputs, outputs), hidden=hidden, settings=settings)


def class_names(rows, classes):
    return np.array([f"class {row % classes}" for row in range(rows)])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"rows":[' + b"[1]," * 40_000 + b"[1]]}", id="short lists"),
        pytest.param(b'{"rows":[' + b'{"a":1},' * 40_000 + b'{"a":1}]}', id="objects"),
        pytest.param(b'{"rows":[' + b"{}," * 40_000 + b"{}]}", id="empty objects"),
        pytest.param(b'{"rows":[' + b"[]," * 40_000 + b"[]]}", id="empty lists"),
        pytest.param(b'{"rows":[[' + b"1.5," * 40_000 + b"1.5]]}", id="numbers"),
        pytest.param(b'{"rows":[[' + b'"ab",' * 40_000 + b'"ab"]]}', id="text"),
        pytest.param(b"{" + b",".join(b'"%d":0' % number for number in range(40_000)) + b"}", id="names"),
    ],
)
def test_a_body_takes_no_more_than_its_estimate(body) -> None:
    assert peak_of(lambda: read_json(body)) <= json_memory(body)


@pytest.mark.filterwarnings("ignore:.*different classes")
@pytest.mark.parametrize(("features", "outputs", "rows"), [(2, 2, 9000), (300, 2, 1000), (2, 1000, 1000)])
def test_predictions_take_no_more_than_their_estimate(features, outputs, rows) -> None:
    model = wide_model(features, outputs)
    body = json.dumps({"rows": np.random.default_rng(0).normal(size=(rows, features)).tolist()}).encode()

    def work():
        x = parse_rows(read_json(body), model, rows)
        to_json(predict.predict_rows(model, x))

    assert peak_of(work) <= json_memory(body) + predict.predict_memory(model, rows)


@pytest.mark.parametrize("hidden", [(20,), (1000, 1000), (1000,) * 5])
def test_explanations_take_no_more_than_their_estimate(hidden) -> None:
    model = wide_model(50, 10, hidden)
    options = explain.ExplainOptions(n_connections=explain.MAX_CONNECTIONS, unit=(1, 0), scale={"a1": {"0": 0.5}})
    state = AppState(model)
    from glassnet.web.unit_statistics import UnitStatisticsCache

    def work():
        statistics = UnitStatisticsCache(state).get()
        found = explain.explain_row(model, np.ones((1, 50)), options)
        found["connections"] = statistics.connections(found, options.n_connections)
        to_json(found)

    assert peak_of(work) <= explain.explain_memory(model) + 2**22


@pytest.mark.parametrize(
    "content",
    [
        plan(8),
        plan(500, 500, dtype="float64"),
        plan(500, 500, dtype="float32", optimizer="adamw", batch_size=400),
        plan(500, 500, dtype="float64", optimizer="lbfgs"),
        plan(100, 100, kind="digits", dtype="float64", dropout=0.3, batch_size=400),
        plan(100, 100, kind={"kind": "moons", "rows": 5000}, batch_size=4000),
    ],
    ids=["small", "float64", "float32", "lbfgs", "digits", "large batches"],
)
def test_previews_and_trainings_take_no_more_than_their_estimate(app_state, content) -> None:
    content["settings"] |= {"engine": "reference", "epochs": 2}
    manager = TrainingManager(app_state)
    parsed = read_plan(content)
    _, ready, run = prepare_training(parsed, None)
    n_rows = len(ready.training_rows) + len(ready.validation_rows)
    estimate = training_memory(run.structure, parsed.settings, n_rows) + load_memory(parsed.data, None)
    assert peak_of(lambda: to_json(manager.preview(content))) <= estimate

    def train():
        session = manager.start(content, None)
        session.run_batches(np.inf)
        until(lambda: session.is_finished, 120)
        session.stop()
        assert not session.error
        to_json(session.snapshot)

    assert peak_of(train) <= estimate


def test_evaluations_take_no_more_than_their_estimate() -> None:
    model = wide_model(100, 50)
    rng = np.random.default_rng(0)
    import pyarrow as pa

    from glassnet.data import ArrowTable

    columns = {name: rng.normal(size=5000) for name in model.feature_names} | {model.target_name: class_names(5000, 50)}
    examples = make_examples(ArrowTable("rows", pa.table(columns)), model)
    assert peak_of(lambda: evaluate(1, "examples", model, examples)) <= evaluation_memory(model, 5000)


def test_waiting_for_a_lock_ends_with_the_client(serve, app_state, monkeypatch) -> None:
    app_state.limits = Limits(seconds=0.5)
    app = create_app(app_state)
    lock = threading.Lock()
    ended = []

    def wait(manager, content):
        with contextlib.ExitStack() as stack:
            stack.callback(ended.append, True)
            stack.enter_context(acquire(lock))
        return {}

    monkeypatch.setattr(TrainingManager, "preview", wait)
    at = serve(app)
    with lock:
        assert code_of(post(at, "/api/train/preview", {})) == (503, "timeout")
        until(lambda: ended == [True])
    assert post(at, "/api/train/preview", {})[0] == 200
