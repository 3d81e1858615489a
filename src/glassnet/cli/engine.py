"""``glassnet engine``."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import typer

from glassnet.cli.console import Output


def engine(
    action: Annotated[
        Literal["show", "build"], typer.Argument(help="show: print what is used here; build: compile what is missing.")
    ] = "show",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Show the machine code of the fused engine, or compile it. GLASSNET_CACHE_DIR sets the folder to compile to."""
    from glassnet.engines.fused.build import DTYPES, build_objects
    from glassnet.engines.fused.loader import check_can_compile
    from glassnet.engines.fused.machine_code import can_compile, compiled_folder, find_object
    from glassnet.engines.fused.processor import LEVEL, VECTOR_BYTES

    output = Output(as_json, quiet)
    missing = [dtype for dtype in DTYPES if find_object(dtype) is None]
    if action == "build" and missing:
        check_can_compile(missing[0])
        began = time.perf_counter()
        build_objects(compiled_folder(), missing)
        output.echo(f"compiled for {', '.join(missing)} in {time.perf_counter() - began:.0f} s")
    output.echo(f"processor: {LEVEL.name}, vectors of {8 * VECTOR_BYTES} bits")
    objects = {}
    for dtype in DTYPES:
        found = find_object(dtype)
        objects[dtype] = None if found is None else {"path": str(found.path), **found.facts}
        if found is not None:
            output.echo(f"{dtype}: {found.path} ({len(found.code) // 1000} kB; {found.facts.get('compiler')})")
        elif can_compile():
            output.echo(f"{dtype}: none; compiled at its first use, in about 20 s, or by `glassnet engine build`")
        else:
            output.echo(f"{dtype}: none; `pip install 'glassnet[build]'` and `glassnet engine build` compile it")
    output.json({"processor": LEVEL.name, "vector_bits": 8 * VECTOR_BYTES, "objects": objects})
    return 0
