"""What the tests of the server and its page share: a small model, a client, a running server, a browser."""

import shutil
from contextlib import ExitStack
from importlib import resources

import pytest
from starlette.testclient import TestClient

import glassnet
from glassnet.data import choose_target, features, target_values
from glassnet.datasets import load_digits
from glassnet.web.app_state import AppState, digits_examples
from glassnet.web.server import create_app

from .running import HERE, running, serve_process


@pytest.fixture(scope="session")
def digits_model():
    """Return a small model of the digits, trained in a moment."""
    table, _ = load_digits()
    target = choose_target(table)
    columns = [name for name in table.names if name != target]
    settings = glassnet.recommended_settings(len(table), epochs=5, engine="reference")
    rows = features(table, columns), target_values(table, target)
    names = {"feature_names": columns, "target_name": target, "source": table.source}
    return glassnet.fit(*rows, hidden=(16, 12), settings=settings, **names)


@pytest.fixture
def app_state(digits_model):
    """Return an app state with that model and its rows."""
    training, test = digits_examples(digits_model)
    app_state = AppState(digits_model, "digits", test, training)
    yield app_state
    app_state.closing.set()  # a training that waits need not wait any longer


@pytest.fixture
def client(app_state):
    """Return a client of a server without a socket: quick, and an exception in an endpoint comes out here."""
    with TestClient(create_app(app_state), base_url=HERE) as client:
        yield client


@pytest.fixture
def serve():
    """Return a function that runs an app on a free port, on a thread, and returns its address; ended after the test."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(running(app))


@pytest.fixture
def started():
    """Return a function that runs the command and gives the process and the first line that it says as JSON.

    ``setup`` are statements that are executed in the process before it.
    """
    processes = []

    def start(*options, port=0, setup="pass"):
        process, content = serve_process(*options, port=port, setup=setup)
        processes.append(process)
        return process, content

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def model_file(digits_model, tmp_path_factory):
    """Return a file with that model."""
    path = tmp_path_factory.mktemp("models") / "small digits.glassnet"
    glassnet.save(digits_model, path)
    return path


@pytest.fixture(scope="session")
def chromium():
    """Return a running browser, or skip: the page is looked at in Debian's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no chromium here; Debian has it: apt-get install chromium")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, serve, app_state):
    """Return a function that opens the page and waits for it: ``visit("#learn", locale="ko-KR", width=390)``.

    The test fails if the console has errors, except those with ``expected`` words, or a request goes to another host.
    Without ``at`` a server is started for the test's app_state.
    """
    contexts, faults, started = [], [], []

    def look(path="", *, at=None, locale="en-US", theme="light", width=1280, height=900, expected=(), **options):
        if at is None:
            if not started:
                started.append(serve(create_app(app_state)))
            at = started[0]
        context = chromium.new_context(
            locale=locale, color_scheme=theme, viewport={"width": width, "height": height}, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)

        def note(text):
            if not any(words in text for words in expected):
                faults.append(text)

        page.on("console", lambda said: note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(str(error)))
        page.on(
            "request", lambda request: None if is_local(request.url, at) else note(f"left the machine: {request.url}")
        )
        page.goto(f"{at}/{path}")
        page.locator("[role=tabpanel]:visible, #alert:visible").first.wait_for()
        return page

    yield look
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def findings():
    """Return a function that lists what axe-core finds serious or critical on a page, each with where it is."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    axe = (resources.files(package) / "axe.min.js").read_text(encoding="utf-8")

    def look(page):
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe)  # as the debugger does, which the page's policy allows where it forbids a script
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert len(found["passes"]) > 10  # it did look
        return [
            f"{finding['id']}: {node['target']} {node['failureSummary']}"
            for finding in found["violations"]
            if finding["impact"] in ("serious", "critical")
            for node in finding["nodes"]
        ]

    return look


def is_local(url, at):
    return url.startswith((f"{at}/", f"{at.replace('http', 'ws')}/", "data:", "blob:"))
