"""Checkpoints: write the state of a training to files, and resume from them."""

from glassnet.training.checkpoints.checkpoint import Checkpoint

__all__ = ["Checkpoint"]
