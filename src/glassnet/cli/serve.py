"""``glassnet serve``."""

from __future__ import annotations

import importlib.util
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glassnet.cli.console import Output
from glassnet.cli.mistakes import load_model
from glassnet.cli.reading import options_of
from glassnet.data import choose_target, features, read_table, target_values
from glassnet.datasets import load_digits
from glassnet.errors import InputError
from glassnet.models import Model, fit
from glassnet.training.callbacks.progress import format_metric

if TYPE_CHECKING:
    from glassnet.web.app_state import Examples

#: The packages of the extra web.
WEB_PACKAGES = ("fastapi", "uvicorn", "orjson", "prometheus_client")
#: Formats of the log of requests.
LOGS = ("plain", "json", "none")
#: Shortest token that is accepted.
MIN_TOKEN_CHARS = 16


def serve(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Model file.",
            show_default="a network trained on the digits",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Rows to inspect and to train on.", show_default="for a model of the digits, its rows"
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; beyond this machine a token is required.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Disable training and all changes.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="GLASSNET_TOKEN",
            help="Token that every request must send; other users can read options, but not environment variables.",
            show_default="random, if required",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Additional host name of the server; may be repeated."),
    ] = None,
    log: Annotated[str, typer.Option(help="Format of the log of requests: plain, json or none.")] = "plain",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the address.")] = False,
) -> None:
    """Serve predictions over HTTP, and the page for inspecting and training a network."""
    if any(importlib.util.find_spec(package) is None for package in WEB_PACKAGES):
        raise InputError("serve needs the extra 'web': pip install 'glassnet[web]'")
    if log not in LOGS:
        raise InputError(f"--log {log} is not known; choose one of {', '.join(LOGS)}")
    from glassnet.web import observability
    from glassnet.web.app_state import AppState
    from glassnet.web.server import create_app
    from glassnet.web.server_runtime import listen, run

    output = Output(as_json, quiet)
    token = _access_token(token, host)
    loaded = load_model(model, data, "serve") if model is not None else _train_digits(output)
    examples, training = _rows(loaded, data)
    state = AppState(loaded, Path(model).name if model else "digits", examples, training, read_only)
    sockets = listen(host, port)
    loggers = {"plain": observability.log_plain, "json": observability.log_json, "none": observability.no_log}
    names = frozenset(part.lower() for part in name or ())
    app = create_app(state, host=host, token=token, names=names, log=loggers[log])
    address = f"http://{f'[{host}]' if ':' in host else host}:{sockets[0].getsockname()[1]}/"
    page = address + (f"#token={token}" if token else "")
    output.echo(f"page: {page}")
    if token:
        output.echo(f"programs send the header  Authorization: Bearer {token}")
    if quiet:
        typer.echo(page)
    output.json({"address": address, "token": token})
    output.echo("press Ctrl-C to stop")
    run(app, sockets, page_url=page if open_page else None)


def _access_token(token: str | None, host: str) -> str | None:
    """Return the token that requests must send: the one given, or a random one beyond this machine.

    Raises
    ------
    InputError
        If the token is too short or has characters that are not allowed.
    """
    from glassnet.web.security import is_loopback

    if token is None:
        return None if is_loopback(host) else secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN_CHARS:
        raise InputError(f"--token has {len(token)} characters; use {MIN_TOKEN_CHARS} or more, or leave it out")
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", token):  # it is part of an address and of a header
        raise InputError("--token may hold only letters, digits and the characters . _ ~ -; use another one")
    return token


def _train_digits(output: Output) -> Model:
    """Train a model on the digits."""
    output.echo("no model given: training one on scikit-learn's digits")
    train, test = load_digits()
    target = choose_target(train)
    columns = [column for column in train.names if column != target]
    rows, test_rows = ((features(table, columns), target_values(table, target)) for table in (train, test))
    model = fit(*rows, test=test_rows, feature_names=columns, target_name=target, source=train.source)
    accuracy = format_metric("accuracy", model.history[-1].test_metric or 0.0)
    seconds = sum(epoch.seconds for epoch in model.history)
    output.echo(f"trained in {seconds:.1f} s; on {len(test)} test rows: {accuracy}")
    return model


def _rows(model: Model, data: str | None) -> tuple[Examples | None, Examples | None]:
    """Return the rows to inspect and the rows to train on."""
    from glassnet.web.app_state import digits_examples, make_examples

    if data is not None:
        try:
            examples = make_examples(read_table(data, **options_of(model)), model)
        except InputError as error:
            raise InputError(f"--data {data}: {str(error).removeprefix(f'{data}: ')}") from None
        return examples, examples
    training, test = digits_examples(model) or (None, None)
    return test, training
