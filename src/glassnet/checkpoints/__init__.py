"""Checkpoints: a training as files, so that nothing can kill it."""

from glassnet.checkpoints.checkpoint import Checkpoint

__all__ = ["Checkpoint"]
