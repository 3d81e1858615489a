"""Security, by real requests against a real server: access, body limits, response headers, the browser."""

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import websockets.exceptions
import websockets.sync.client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocket

from glassnet.models.target import Target
from glassnet.web import connections
from glassnet.web.app_state import AppState, Limits
from glassnet.web.security import AccessPolicy, SecurityMiddleware, is_loopback
from glassnet.web.server import create_app

from .running import running
from .sockets import ask, code_of, is_well, raw

TOKEN = "a token of more than sixteen letters"


@pytest.fixture
def open_app(app_state):
    return create_app(app_state)


@pytest.fixture
def closed_app(app_state):
    return create_app(app_state, token=TOKEN)


def with_echo(app):
    """Add a WebSocket that says what it hears."""

    @app.websocket("/api/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept("glassnet" if "glassnet" in socket.scope["subprotocols"] else None)
        await socket.send_text(await socket.receive_text())

    return app


# --------------------------------------------------------------------------------------------------------- Host, Origin


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "", "[", "localhost:x", "a@b@c"),
        *(
            "[::1]evil.com",
            "evil.com@localhost",
            "localhost/evil",
            "localhost?evil",
            "localhost#evil",
            "localhost:80:80",
        ),
        *("localhost:", "localhost:0", "localhost:65536", "localhost:-1", "localhost..", ".localhost"),
        *(
            "[::1%25lo]",
            "[fe80::1%eth0]:8000",
            "::1",
            "[127.0.0.1]",
            "[localhost]",
            "[::1",
            "::1]",
            "127.1",
            "0x7f000001",
        ),
        *("local host", "localhost,evil.example", "localhost\\evil", "http://localhost"),
    ],
)
def test_a_foreign_host_is_refused_on_every_path(serve, open_app, host) -> None:
    at = serve(open_app)
    for path in ("/", "/api/model", "/healthz", "/metrics"):
        assert code_of(ask(at, path, Host=host)) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]", "[::1]:8000", "127.8.8.8", "localhost.", "localhost:65535"],
)
def test_loopback_names_are_allowed_with_any_port(serve, open_app, host) -> None:
    assert ask(serve(open_app), Host=host)[0] == 200


def test_two_host_headers_are_refused(serve, open_app) -> None:
    assert code_of(ask(serve(open_app), Host=["localhost", "evil.example"])) == (400, "bad_request")


def test_beyond_loopback_numeric_addresses_and_given_names_are_allowed() -> None:
    door = AccessPolicy("0.0.0.0", TOKEN, frozenset({"lab.example"}))
    known = [
        "10.0.0.1:8000",
        "[fe80::1]:8000",
        "lab.example",
        "Lab.Example:9".lower(),
        "localhost",
        socket.gethostname(),
    ]
    assert all(door.allows_host(host) for host in known)
    assert not any(
        door.allows_host(host) for host in ["evil.example", "lab.example.evil", "1.2.3", "0x7f.1", "10.0.0.1:١", ""]
    )
    assert not AccessPolicy("127.0.0.1").allows_host("10.0.0.1") and not AccessPolicy("::1").allows_host("0.0.0.0")
    assert is_loopback("localhost") and is_loopback("::1") and is_loopback("127.0.0.2")
    assert not is_loopback("0.0.0.0") and not is_loopback("::") and not is_loopback("example.org")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:1", "https://localhost.evil.example", "file://", "localhost", ""],
)
def test_a_foreign_origin_can_neither_post_nor_read_nor_open_a_websocket(serve, open_app, origin) -> None:
    at = serve(with_echo(open_app))
    host = at.removeprefix("http://")
    body = json.dumps({"rows": [[0] * 64]}).encode()
    assert code_of(ask(at, "/api/predict", "POST", body, Origin=origin)) == (403, "origin_not_allowed")
    assert code_of(ask(at, "/api/predict", "OPTIONS", Origin=origin)) == (403, "origin_not_allowed")
    assert code_of(ask(at, Origin=origin)) == (403, "origin_not_allowed")
    with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
        websockets.sync.client.connect(f"ws://{host}/api/echo", additional_headers={"Origin": origin})


def test_the_origin_of_the_page_is_allowed(serve, open_app) -> None:
    at = serve(with_echo(open_app))
    host = at.removeprefix("http://")
    body = json.dumps({"rows": [[0] * 64]}).encode()
    assert ask(at, "/api/predict", "POST", body, Origin=at)[0] == 200
    assert ask(at, "/api/predict", "POST", body, Origin=f"https://{host}")[0] == 200  # a proxy that does TLS
    with websockets.sync.client.connect(f"ws://{host}/api/echo", origin=at, subprotocols=["glassnet"]) as line:
        line.send("hello")
        assert line.recv() == "hello" and line.subprotocol == "glassnet"


def test_a_foreign_page_without_origin_is_refused_by_fetch_metadata(serve, open_app) -> None:
    at = serve(open_app)
    assert code_of(ask(at, Sec_Fetch_Site="cross-site")) == (403, "origin_not_allowed")
    assert ask(at, Sec_Fetch_Site="same-origin")[0] == ask(at, Sec_Fetch_Site="none")[0] == 200
    assert ask(at, "/", Sec_Fetch_Site="cross-site")[0] == 200  # a link that leads here


# ---------------------------------------------------------------------------------------------------------------- token


@pytest.mark.parametrize(
    "said",
    [None, "", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer ü"],
)
def test_without_the_token_every_endpoint_is_refused(serve, closed_app, said) -> None:
    at = serve(with_echo(closed_app))
    given = {} if said is None else {"Authorization": said.encode("latin-1")}
    for path in ("/api/model", "/metrics", "/api/openapi.json", "/api/nothing", "/nothing"):
        answer = ask(at, path, **given)
        assert code_of(answer) == (401, "unauthorized")
        assert answer[1]["www-authenticate"] == "Bearer" and TOKEN.encode() not in answer[2]
    assert ask(at, "/")[0] == ask(at, "/shared/style.css")[0] == ask(at, "/healthz")[0] == 200
    with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
        websockets.sync.client.connect(
            f"ws://{at.removeprefix('http://')}/api/echo", subprotocols=["glassnet", "token.x"]
        )


def test_with_the_token_every_endpoint_is_allowed(serve, closed_app) -> None:
    at = serve(with_echo(closed_app))
    assert ask(at, Authorization=f"Bearer {TOKEN}")[0] == ask(at, Authorization=f"bearer  {TOKEN}")[0] == 200


def test_a_websocket_brings_the_token_as_a_subprotocol(serve, app_state) -> None:
    at = serve(with_echo(create_app(app_state, token="abcdefgh-ijklmnop_123")))
    protocols = ["glassnet", "token.abcdefgh-ijklmnop_123"]
    with websockets.sync.client.connect(f"ws://{at.removeprefix('http://')}/api/echo", subprotocols=protocols) as line:
        line.send("hello")
        assert line.recv() == "hello" and line.subprotocol == "glassnet"  # the token is not sent back


def test_the_token_is_compared_in_constant_time(monkeypatch, app_state) -> None:
    compared = []
    monkeypatch.setattr("glassnet.web.security.hmac.compare_digest", lambda a, b: compared.append((a, b)) or True)
    guard = SecurityMiddleware(None, AccessPolicy(token=TOKEN), Limits())
    guard._check({"path": "/api/model"}, {b"host": b"localhost", b"authorization": b"Bearer x"})
    assert compared == [(b"x", TOKEN.encode())]


# ---------------------------------------------------------------------------------------------------- response headers


def test_every_response_has_the_security_headers(serve, open_app) -> None:
    at = serve(open_app)
    answers = [ask(at, path) for path in ("/", "/shared/style.css", "/main.js", "/api/model", "/nothing", "/healthz")]
    answers += [ask(at, Host="evil.example"), ask(at, "/api/predict", "POST", b"{")]
    for status, headers, _ in answers:
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "style-src 'self';" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY" and headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers and "access-control-allow-origin" not in headers, status
    assert answers[3][1]["cache-control"] == "no-store"


def test_a_file_of_the_page_is_sent_once(serve, open_app) -> None:
    at = serve(open_app)
    _, headers, content = ask(at, "/shared/style.css")
    assert content and headers["content-type"] == "text/css; charset=utf-8"
    status, _, content = ask(at, "/shared/style.css", If_None_Match=headers["etag"])
    assert (status, content) == (304, b"")


# ----------------------------------------------------------------------------------------------------- large, slow, cut


def test_an_oversized_body_is_refused_by_its_declared_and_actual_size(serve, app_state) -> None:
    app_state.limits = Limits(body=1000)
    at = serve(create_app(app_state))
    assert code_of(ask(at, "/api/predict", "POST", b" " * 1001)) == (413, "too_large")
    heard = raw(at, b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413")  # before any of it was sent
    chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
    heard = raw(
        at,
        b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunk,
        chunk,
        pause=0.1,
    )
    assert heard.startswith(b"HTTP/1.1 413") and b"too_large" in heard
    assert code_of(ask(at, "/api/predict", "POST", b" " * 1000))[0] == 422
    assert is_well(at)


def test_bodies_in_transit_have_a_memory_limit(serve, app_state) -> None:
    app_state.limits = Limits(body=100_000, bodies=150_000, seconds=5)
    at = serve(create_app(app_state))
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    answers = []
    senders = [
        threading.Thread(target=lambda: answers.append(raw(at, head + b" " * 60_000, b" " * 10_000, pause=0.5)))
        for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [b"overloaded" in answer for answer in answers].count(True) >= 1
    assert is_well(at)


def test_a_slow_body_times_out(serve, app_state) -> None:
    app_state.limits = Limits(seconds=0.3)
    at = serve(create_app(app_state))
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    began = time.monotonic()
    heard = raw(at, head, b"{", b'"', pause=0.05)
    assert heard.startswith(b"HTTP/1.1 408") and b"request_timeout" in heard and time.monotonic() - began < 3


def test_a_truncated_body_reaches_no_endpoint(serve, app_state) -> None:
    lines = []
    at = serve(create_app(app_state, log=lines.append))
    head = b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    assert raw(at, head, b'{"rows": [', end=True) == b""
    assert is_well(at)
    assert [line["status"] for line in lines] == [499, 200]


def test_slow_or_endless_request_heads_time_out(serve, open_app, monkeypatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    at = serve(open_app)
    assert raw(at).startswith(b"HTTP/1.1 408")
    assert raw(at, b"GET / HTTP/1.1\r\n", b"Host: loc", pause=0.05).startswith(b"HTTP/1.1 408")
    assert raw(at, b"GET /" + b"a" * 70_000).startswith(b"HTTP/1.1 431")
    endless = [b"x: " + b"a" * 9000 + b"\r\n"] * 20
    assert b"431" in raw(at, b"GET / HTTP/1.1\r\n", *endless)[:30]
    assert is_well(at)


def test_a_connection_is_reused_with_a_new_timeout(serve, open_app, monkeypatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.4)
    at = serve(open_app)
    get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw(at, get, get, last, pause=0.3).count(b"HTTP/1.1 200") == 3
    assert raw(at, get, b"GET /hea", pause=0.1).count(b"HTTP/1.1 408") == 1


def test_two_hundred_connections_at_once_are_all_answered_among_slow_ones(serve, app_state) -> None:
    at = serve(create_app(app_state))
    host, port = at.removeprefix("http://").split(":")
    body = json.dumps({"rows": app_state.examples.x[:1].tolist()}).encode()
    head = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n".encode()

    async def one(slow):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        if slow:  # it dawdles within its request while the others are answered
            await asyncio.sleep(1)
        writer.write(b"Connection: close\r\n\r\n" + body)
        heard = await reader.read()
        writer.close()
        return heard.startswith(b"HTTP/1.1 200") and b'"predictions"' in heard

    async def all_of_them():
        return await asyncio.gather(*(one(number % 4 == 0) for number in range(200)))

    with ThreadPoolExecutor(1) as executor:  # this thread already has an event loop, of an open browser
        assert all(executor.submit(asyncio.run, all_of_them()).result(60))


def test_a_message_over_a_websocket_has_a_limit_too(serve, open_app) -> None:
    at = serve(with_echo(open_app))
    address = f"ws://{at.removeprefix('http://')}/api/echo"

    def send_too_much():
        with websockets.sync.client.connect(address) as line:
            line.send("x" * (connections.MAX_MESSAGE + 1))
            line.recv()

    # the server hangs up: with its reason (1009), unless that is lost with what it never read
    with pytest.raises(websockets.exceptions.ConnectionClosed, match="1009|no close frame"):
        send_too_much()
    assert is_well(at)


# ------------------------------------------------------------------------------------------------------------ malformed

PATHS = ["/", "/api/predict", "/api/explain", "/api/model", "/metrics", "/api/openapi.json"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=20,
)
BODIES = st.binary(max_size=300) | st.builds(
    lambda key, content: json.dumps({key: content}).encode("utf-8", "surrogatepass"),
    st.sampled_from(["rows", "row", "output", "of", "x"]),
    JSON,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [b"Host", b"Origin", b"Content-Length", b"Transfer-Encoding", b"Authorization", b"Expect", b"Upgrade"]
    )
    | st.binary(max_size=12),
    st.sampled_from([b"localhost", b"chunked", b"-1", b"websocket", b"100-continue", b"Bearer x", b"1e9"])
    | st.binary(max_size=30),
    max_size=4,
)


@st.composite
def malformed(draw):
    """Return a request that is not as it should be: in its lines, its headers, its body, or its end."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"FOO"]) | st.binary(max_size=6))
    path = draw(st.sampled_from(PATHS).map(str.encode) | st.binary(max_size=40))
    body, headers = draw(BODIES), draw(HEADERS)
    lines = [method + b" " + path + b" HTTP/1." + draw(st.sampled_from([b"1", b"0", b"9", b"x"]))]
    if draw(st.booleans()):
        lines += [b"Host: localhost", b"Content-Length: " + str(len(body)).encode()]
    lines += [name + b": " + value for name, value in headers.items()]
    whole = b"\r\n".join(lines) + b"\r\n\r\n" + body
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


@pytest.fixture(scope="module")
def module_server(digits_model):
    with running(create_app(AppState(digits_model))) as at:
        yield at


def check_malformed_request(module_server, request) -> None:
    heard = raw(module_server, request, end=True)
    assert b"Traceback" not in heard
    if heard:
        assert heard.startswith(b"HTTP/1.1 ") and int(heard[9:12]) < 500, heard[:300]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=malformed())
def test_a_malformed_request_causes_no_server_error(module_server, request) -> None:
    check_malformed_request(module_server, request)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=malformed())
def test_a_thousand_malformed_requests_cause_no_server_error(module_server, request) -> None:
    check_malformed_request(module_server, request)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES, path=st.sampled_from(["/api/predict", "/api/explain"]))
def test_any_invalid_body_gets_a_json_error(module_server, body, path) -> None:
    status, _, content = ask(module_server, path, "POST", body)
    content = json.loads(content)
    assert status == 422 and set(content) == {"error"} and content["error"]["message"]


def test_the_server_still_responds_after_malformed_requests(module_server) -> None:
    assert is_well(module_server)
    assert b'status="500"' not in ask(module_server, "/metrics")[2]


# ---------------------------------------------------------------------------------------------------------- on the page


def test_markup_in_the_names_of_classes_and_columns_is_text_on_the_page(visit, app_state) -> None:
    import dataclasses

    evil = "<img src=x onerror=alert(1)><b>bold</b>"
    model = app_state.model
    target = Target.of_classes((evil, *map(str, range(1, 10))), evil)
    app_state.model = dataclasses.replace(model, target=target, feature_names=(evil, *model.feature_names[1:]))
    app_state.name = evil
    page = visit("#model")
    panel = page.locator("#panel-model")
    panel.get_by_text(evil).first.wait_for()
    assert page.locator("img, b").count() == 0
    assert evil in page.locator("#summary").inner_text() and evil in page.title()


def test_the_page_removes_the_token_from_the_address_and_reports_a_missing_one(visit, serve, closed_app) -> None:
    at = serve(closed_app)
    page = visit(at=at, expected=["401"])
    assert "requires a token" in page.locator("#alert").inner_text()
    page = visit(f"#token={TOKEN.replace(' ', '%20')}", at=at)
    page.locator("#summary:not(:empty)").wait_for()
    assert "token" not in page.url
    page.reload()
    page.locator("#summary:not(:empty)").wait_for()


def test_the_page_runs_no_foreign_scripts(visit) -> None:
    page = visit(expected=["Content Security Policy", "TrustedHTML", "Trusted", "trusted"])
    blocked = page.evaluate(
        """async () => {
            const violations = [];
            document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
            const script = document.createElement("script");
            for (const attempt of [
                () => { document.body.innerHTML = "<b>x</b>"; },
                () => { script.src = "https://example.org/a.js"; },
                () => { script.text = "alert(1)"; },
            ]) try { attempt(); violations.push("went through"); } catch (error) { violations.push(error.name); }
            document.body.append(Object.assign(document.createElement("style"), { textContent: "* { color: red }" }));
            await fetch("https://example.org/").catch(() => null);
            await new Promise((done) => setTimeout(done, 100));
            return violations;
        }"""
    )
    assert blocked.count("TypeError") == 3 and "went through" not in blocked and "connect-src" in blocked
    assert any(name.startswith("style-src") for name in blocked)
