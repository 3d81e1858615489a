"""Looking into a fitted estimator: what it computes for a row, why, its picture, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glassnet.estimators.picture import html_of
from glassnet.estimators.storage import load, save


class Looking:
    """What an estimator of ours has that scikit-learn's has not."""

    # ------------------------------------------------------------------------------------------------------- files

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to a file that holds no code, atomically; see `glassnet.estimators.storage`.

        Parameters
        ----------
        path : str or Path
            ``.glassnet`` by custom. Callbacks, scorers and functions of one's own for training are left out.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Any:
        """Read an estimator from a file that `save` wrote; it predicts bit for bit what the saved one did.

        Raises
        ------
        InputError
            If the file is none, holds another estimator, or does not fit together.
        """
        return load(cls, path)

    def _html_repr(self) -> str:
        """Return what a notebook shows: scikit-learn's table of parameters and, once fitted, the network."""
        parameters: str = super()._html_repr()  # type: ignore[misc]
        return parameters + (html_of(self) if hasattr(self, "_vector") else "")
