"""The command line application: its commands, and errors as one line with an exit code and no traceback."""

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
from glassnet.cli.engine import engine
from glassnet.cli.inspect import plot, show
from glassnet.cli.mistakes import check_lists, explain
from glassnet.cli.predict import evaluate, export, predict
from glassnet.cli.report import report
from glassnet.cli.serve import serve
from glassnet.cli.train import train
from glassnet.cli.walkthrough import walkthrough
from glassnet.errors import InputError

#: Exit code of a user error.
USER_ERROR = 2
#: Exit code after Ctrl-C: 128 + SIGINT.
INTERRUPTED = 130
#: Characters of an error message: it may quote column names of any length.
MAX_MESSAGE_CHARS = 2000

app = typer.Typer(
    name="glassnet",
    help="Train a neural network on your own table, and inspect it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, evaluate, predict, export, show, plot, report, serve, walkthrough, engine):
    app.command()(command)
app.command("check-gradients")(check_gradients)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"glassnet {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train a neural network on your own table, and inspect it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0: success; 1: internal error, or an incorrect gradient (`check-gradients`); 2: user error; 130: Ctrl-C.
    `glassnet train` also has 3 and 143, see there.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # print ? for characters that the terminal lacks
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        check_lists(typed)
        sys.exit(app(args=typed, standalone_mode=False, obj=typed) or 0)
    except InputError as error:
        _fail(str(error))
    except typer.BadParameter as error:
        _fail(explain(error, typed) + _value_of(error, typed))
    except typer.TyperException as error:
        _fail(explain(error, typed))
    except MemoryError as error:
        _fail(f"not enough memory{f' ({error})' if str(error) else ''}; use fewer units, or fewer rows")
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _exit_on_broken_pipe()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer takes it for an error
            _exit_on_broken_pipe()
        raise


def _exit_on_broken_pipe() -> None:
    """Handle a broken pipe: suppress output on interpreter exit."""
    sys.stderr.close()
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _value_of(error: typer.BadParameter, typed: list[str]) -> str:
    """Return the value of the option at fault: typer's message has only what was expected."""
    for name in error.param.opts if error.param is not None else ():
        if name in typed[:-1]:
            return f" (it is {typed[typed.index(name) + 1]!r})"
    return ""


def _fail(message: str) -> None:
    """Print an error in one line and exit."""
    if message:  # without a command, the help was printed
        sys.stderr.write(f"glassnet: {escape_control_chars(' '.join(message.split()), MAX_MESSAGE_CHARS)}\n")
    sys.exit(USER_ERROR)
