"""``glassnet warmup``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet.cli.console import Output
from glassnet.errors import InputError


def warmup(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Compile the fused engine ahead of time. GLASSNET_CACHE_DIR sets the folder of the compiled code."""
    from glassnet.engines.fused.cache import code_folder, has_cached_code
    from glassnet.engines.fused.warmup import warm_up

    output = Output(as_json, quiet)
    seconds = {}
    for name, duration in warm_up():
        seconds[name] = duration
        output.echo(f"{name}: {duration:.1f} s")
    if not has_cached_code():
        raise InputError(f"{code_folder()} can't be written; set GLASSNET_CACHE_DIR to a writable folder")
    output.echo(f"compiled code is in {code_folder()}")
    output.json({"seconds": seconds, "folder": str(code_folder())})
    return 0
