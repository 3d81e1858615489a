"""The commands in one place, and what becomes of an error: one line, exit code 2, no traceback."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from glassnet._utils.text_safety import escape_control_chars
from glassnet._version import __version__
from glassnet.cli.check_gradients import check_gradients
from glassnet.cli.inspect import plot, show
from glassnet.cli.predict import evaluate, export, predict
from glassnet.cli.report import report
from glassnet.cli.serve import serve
from glassnet.cli.train import train
from glassnet.cli.walkthrough import walkthrough
from glassnet.cli.warmup import warmup
from glassnet.errors import InputError

#: Exit codes: what the user can mend; stopped by Ctrl-C (128 + SIGINT).
MENDABLE, INTERRUPTED = 2, 130
#: Characters of an error that are told: it may quote a file whose columns have names of any length.
MAX_JSON_CHARS = 2000

app = typer.Typer(
    name="glassnet",
    help="Train a neural network on your own table, and see through it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, evaluate, predict, export, show, plot, report, serve, walkthrough, warmup):
    app.command()(command)
app.command("check-gradients")(check_gradients)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"glassnet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and stop.")
    ] = False,
) -> None:
    """Train a neural network on your own table, and see through it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 for what the user can mend, 130 after Ctrl-C, 1 for our own faults.

    `glassnet train` has two more: 3 and 143, see there.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark instead
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(app(args=typed, standalone_mode=False, obj=typed) or 0)
    except InputError as error:
        _fail(str(error))
    except typer.BadParameter as error:
        _fail(error.format_message() + _value_of(error, typed))
    except typer.TyperException as error:
        _fail(error.format_message())
    except MemoryError as error:
        _fail(f"not enough memory{f' ({error})' if str(error) else ''}; use fewer units, or fewer rows")
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _leave_quietly()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer takes it for a fault
            _leave_quietly()
        raise


def _leave_quietly() -> None:
    """The reader of our output went away: nothing to say, and nobody to say it to, when Python ends either."""
    sys.stderr.close()
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _value_of(error: typer.BadParameter, typed: list[str]) -> str:
    """Name the value that an option was given: the message says what was expected, but not what was seen."""
    for name in error.param.opts if error.param is not None else ():
        if name in typed[:-1]:
            return f" (it is {typed[typed.index(name) + 1]!r})"
    return ""


def _fail(message: str) -> None:
    if message:  # without a command the help says it all
        sys.stderr.write(f"glassnet: {escape_control_chars(' '.join(message.split()), MAX_JSON_CHARS)}\n")
    sys.exit(MENDABLE)
