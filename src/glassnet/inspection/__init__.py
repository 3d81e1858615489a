"""Explaining a trained network: what each layer answers, and which inputs an output hangs on.

Pure functions on a structure, its parameters and rows. Every number comes from the steps themselves, `forward` and
`backward`, in chunks of rows, so that memory is bounded by the result; sparse rows are filled in a chunk at a time.
"""

from glassnet.inspection.contributions import strongest
from glassnet.inspection.integrated_gradients import CompletenessWarning, completeness_gap, integrated_gradients
from glassnet.inspection.layers import activations, gradients, saliency

__all__ = [
    "CompletenessWarning",
    "activations",
    "completeness_gap",
    "gradients",
    "integrated_gradients",
    "saliency",
    "strongest",
]
