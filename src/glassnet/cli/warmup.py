"""``glassnet warmup``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet.cli.console import Screen
from glassnet.errors import InputError


def warmup(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Compile the fused engine beforehand, and say where the code is kept (GLASSNET_CACHE_DIR takes another place)."""
    from glassnet.engines.fused.cache import code_folder, has_cached_code
    from glassnet.engines.fused.warmup import warm_up

    screen, seconds = Screen(as_json, quiet), {}
    for what, took in warm_up():
        seconds[what] = took
        screen.say(f"{what}: {took:.1f} s")
    if not has_cached_code():
        raise InputError(f"{code_folder()} can't be written; name a folder that can in GLASSNET_CACHE_DIR")
    screen.say(f"kept in {code_folder()}")
    screen.result({"seconds": seconds, "folder": str(code_folder())})
    return 0
