"""Checkpoints: a training as files, so that nothing can kill it."""

from glassnet.training.checkpoints.checkpoint import Checkpoint

__all__ = ["Checkpoint"]
