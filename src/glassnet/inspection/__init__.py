"""Inspection of a trained network: activations, gradients, saliency, integrated gradients, ablation, label errors.

Functions on a structure, its parameters and rows. All numbers come from `forward` and `backward`, in chunks of rows, so
that memory is bounded by the result; sparse rows are made dense one chunk at a time.
"""

from glassnet.inspection.contributions import top_contributions
from glassnet.inspection.integrated_gradients import CompletenessWarning, completeness_gap, integrated_gradients
from glassnet.inspection.layers import activations, gradients, saliency

__all__ = [
    "CompletenessWarning",
    "activations",
    "completeness_gap",
    "gradients",
    "integrated_gradients",
    "saliency",
    "top_contributions",
]
