"""``glassnet check-gradients``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet.cli.arguments import numbers
from glassnet.cli.console import Screen
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.gradient_check import check_gradients as check
from glassnet.network.losses import LOSSES
from glassnet.network.structure import Structure


def check_gradients(
    layers: Annotated[str, typer.Option(metavar="SIZES", help="Inputs, hidden units, outputs.")] = "4,5,3",
    activation: Annotated[
        str | None, typer.Option(help=f"Of every layer: {', '.join(ACTIVATIONS)}.", show_default="each in turn")
    ] = None,
    loss: Annotated[str | None, typer.Option(help=f"One of {', '.join(LOSSES)}.", show_default="each in turn")] = None,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> int:
    """Prove the gradients: the backward pass against central differences, in float64. Exit code 1 if any is wrong."""
    screen, sizes = Screen(as_json), numbers("--layers", layers, int)
    found = {}
    for function in [activation] if activation else list(ACTIVATIONS):
        structure = Structure(sizes, [function] * (len(sizes) - 1))
        for cost in [loss] if loss else list(LOSSES):
            result = check(structure, cost, weighted=True, l1=0.01, l2=0.01, seed=seed)
            found[f"{function}, {cost}"] = result
            screen.say(f"{function:>13} {cost:<25} {result}")
    wrong = [name for name, result in found.items() if not result.ok]
    largest = max(result.error for result in found.values())
    screen.result({"checks": len(found), "wrong": wrong, "largest_error": largest})
    screen.say(f"{len(found) - len(wrong)} of {len(found)} right, largest relative error {largest:.1e}")
    return 1 if wrong else 0
