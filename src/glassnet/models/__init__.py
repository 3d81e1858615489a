"""Models: a trained network with all that it takes to use it on raw rows; fitting, saving and loading them."""

from glassnet.models.fitting import fit
from glassnet.models.model import Model
from glassnet.models.storage import load, save

__all__ = ["Model", "fit", "load", "save"]
