"""``glassnet serve``."""

from __future__ import annotations

import importlib.util
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glassnet.cli.console import Screen
from glassnet.data import choose_target, features, read_table, target_values
from glassnet.datasets import load_digits
from glassnet.errors import InputError
from glassnet.models import Model, fit, load
from glassnet.training.callbacks.progress import format_metric

if TYPE_CHECKING:
    from glassnet.web.app_state import Examples

#: What the extra brings.
NEEDED = ("fastapi", "uvicorn", "orjson", "prometheus_client")
LOGS = ("plain", "json", "none")


def serve(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A model file that glassnet train wrote.",
            show_default="a network of the digits, trained first",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Rows to look at and to train on.", show_default="for the digits' model, its own"
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; beyond this machine a token is required.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes one that is free.")] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nothing be changed: no training.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="GLASSNET_TOKEN",
            help="What every request must bring; others on this machine can read an option, but no variable.",
            show_default="drawn at random where it is required",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A further name that the server is called by; may be given several times."),
    ] = None,
    log: Annotated[str, typer.Option(help="A line for each request: plain, json or none.")] = "plain",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the address.")] = False,
) -> None:
    """Open the page on which a network is seen to think, and answer requests for predictions."""
    if any(importlib.util.find_spec(package) is None for package in NEEDED):
        raise InputError("serve needs the extra 'web': pip install 'glassnet[web]'")
    if log not in LOGS:
        raise InputError(f"--log {log} is not known; choose one of {', '.join(LOGS)}")
    from glassnet.web import observability as recording
    from glassnet.web.app_state import AppState
    from glassnet.web.security import is_loopback
    from glassnet.web.server import create_app
    from glassnet.web.server_runtime import listen, run

    screen = Screen(as_json, quiet)
    if token is not None and len(token) < 16:
        raise InputError(f"--token has {len(token)} characters; give 16 or more, or none: then one is drawn")
    if token is not None and not re.fullmatch(r"[A-Za-z0-9._~-]+", token):  # it stands in an address, and in a header
        raise InputError("--token holds something else than letters, digits and the signs . _ ~ -; give another")
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    loaded = load(model) if model is not None else _train_digits(screen)
    examples, training = _rows(loaded, data)
    workshop = AppState(loaded, Path(model).name if model else "digits", examples, training, read_only)
    sockets = listen(host, port)
    logs = {"plain": recording.log_plain, "json": recording.log_json, "none": recording.no_log}
    names = frozenset(part.lower() for part in name or ())
    app = create_app(workshop, host=host, token=token, names=names, log=logs[log])
    address = f"http://{f'[{host}]' if ':' in host else host}:{sockets[0].getsockname()[1]}/"
    page = address + (f"#token={token}" if token else "")
    screen.say(f"the page: {page}")
    if token:
        screen.say(f"programs send the header  Authorization: Bearer {token}")
    if quiet:
        typer.echo(page)
    screen.result({"address": address, "token": token})
    screen.say("Ctrl-C stops it")
    run(app, sockets, opened=page if open_page else None)


def _train_digits(screen: Screen) -> Model:
    screen.say("no model named: training one on scikit-learn's digits first")
    table, held_out = load_digits()
    target = choose_target(table)
    columns = [column for column in table.names if column != target]
    rows, test = ((features(part, columns), target_values(part, target)) for part in (table, held_out))
    model = fit(*rows, test=test, feature_names=columns, target_name=target, source=table.source)
    right = format_metric("accuracy", model.history[-1].test_metric or 0.0)
    screen.say(
        f"trained in {sum(epoch.seconds for epoch in model.history):.1f} s; on {len(held_out)} test rows: {right}"
    )
    return model


def _rows(model: Model, data: str | None) -> tuple[Examples | None, Examples | None]:
    """Return the rows to look at and those to train on."""
    from glassnet.web.app_state import digits_examples, examples_of

    if data is not None:
        try:
            found = examples_of(read_table(data), model)
        except InputError as error:
            raise InputError(f"--data {data}: {str(error).removeprefix(f'{data}: ')}") from None
        return found, found
    training, test = digits_examples(model) or (None, None)
    return test, training
