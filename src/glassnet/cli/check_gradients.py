"""``glassnet check-gradients``."""

from __future__ import annotations

from typing import Annotated

import typer

from glassnet.cli.arguments import parse_numbers
from glassnet.cli.console import Output
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.gradient_check import check_gradients as check_structure
from glassnet.network.losses import LOSSES
from glassnet.network.structure import Structure


def check_gradients(
    layers: Annotated[str, typer.Option(metavar="SIZES", help="Inputs, hidden units, outputs.")] = "4,5,3",
    activation: Annotated[
        str | None,
        typer.Option(help=f"Activation of every layer: {', '.join(ACTIVATIONS)}.", show_default="each in turn"),
    ] = None,
    loss: Annotated[str | None, typer.Option(help=f"Loss: {', '.join(LOSSES)}.", show_default="each in turn")] = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> int:
    """Check the gradients of the backward pass against central differences, in float64.

    Exit codes: 0: all correct; 1: at least one is incorrect; 2: user error.
    """
    output = Output(as_json)
    sizes = parse_numbers("--layers", layers, int)
    results = {}
    for name in [activation] if activation else list(ACTIVATIONS):
        structure = Structure(sizes, [name] * (len(sizes) - 1))
        for loss_name in [loss] if loss else list(LOSSES):
            result = check_structure(structure, loss_name, weighted=True, l1=0.01, l2=0.01, seed=seed)
            results[f"{name}, {loss_name}"] = result
            output.echo(f"{name:>13} {loss_name:<25} {result}")
    incorrect = [name for name, result in results.items() if not result.ok]
    largest = max(result.error for result in results.values())
    output.json({"checks": len(results), "incorrect": incorrect, "largest_error": largest})
    output.echo(f"{len(results) - len(incorrect)} of {len(results)} correct, largest relative error {largest:.1e}")
    return 1 if incorrect else 0
