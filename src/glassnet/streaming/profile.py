"""The profile of a dataset: everything that must be known of all rows before training on the first of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from glassnet.data import Files
from glassnet.errors import InputError
from glassnet.preprocessing.column_choice import ColumnOptions
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.streaming.cache_file import CacheFile
from glassnet.streaming.column_coding import ColumnCoding
from glassnet.streaming.target_profile import TRAINING, TargetProfile


@dataclass(frozen=True)
class ScanOptions:
    """Options of a scan of files.

    Parameters
    ----------
    target : str
        The column to predict.
    group : str
        A column whose values are kept in one split; it is not a feature. Without, rows are split individually.
    validation_fraction : float
        Fraction of the rows, or of the groups, for validation.
    on_bad_row : str
        ``"error"`` or ``"skip"``: see `glassnet.data.open_files`.
    features : tuple of str
        The features, in this order; if empty, all columns but target and group.
    columns : ColumnOptions
        Columns to leave out, what others hold, and how numbers are scaled.
    """

    target: str
    group: str = ""
    validation_fraction: float = 0.0
    on_bad_row: str = "error"
    features: tuple[str, ...] = ()
    columns: ColumnOptions = field(default_factory=ColumnOptions)

    def feature_names(self, columns: list[str]) -> list[str]:
        """Return the features among the columns."""
        left_out = {self.target, self.group, *self.columns.ignore}
        return list(self.features) or [name for name in columns if name not in left_out]


@dataclass
class SplitProfile:
    """Statistics of the training rows, or of the validation rows.

    Attributes
    ----------
    features, target : ColumnStatistics
        Of the features, and of a numeric target.
    block_lengths : list of int
        Number of rows of each block.
    digest : str
        Hash of the rows and targets.
    """

    features: ColumnStatistics
    target: ColumnStatistics = field(default_factory=lambda: ColumnStatistics(1))
    block_lengths: list[int] = field(default_factory=list)
    digest: str = ""

    def __len__(self) -> int:
        return sum(self.block_lengths)


@dataclass
class DatasetProfile:
    """Result of a scan of files.

    Attributes
    ----------
    files : Files
        The files.
    options : ScanOptions
        Options of the scan.
    feature_names : list of str
        The features.
    splits : tuple of two SplitProfile
        Training and validation.
    target_profile : TargetProfile
        Values of the target.
    sparse : bool
        Whether rows are CSR.
    entries : int
        Number of stored entries of all rows.
    cache : CacheFile or None
        The rows in binary form; without it each epoch reads the files again.
    bad_rows : list of (file, row, reason)
        The skipped rows; not all are listed if there are very many.
    n_bad_rows : int
        Number of skipped rows.
    text_columns : tuple of str
        Columns to read as text, as found in the first pass.
    cache_error : str
        Why there is no cache although one was requested.
    coding : ColumnCoding
        How the columns are written as numbers in the blocks.
    is_matrix : bool
        Whether the files hold arrays of numbers, whose columns are taken as they are.
    rising : list of bool
        Whether each column rises by whole steps from row to row of the training rows.
    """

    files: Files
    options: ScanOptions
    feature_names: list[str]
    splits: tuple[SplitProfile, SplitProfile]
    target_profile: TargetProfile
    sparse: bool = False
    entries: int = 0
    cache: CacheFile | None = None
    bad_rows: list[tuple[str, int, str]] = field(default_factory=list)
    n_bad_rows: int = 0
    text_columns: tuple[str, ...] = ()
    cache_error: str = ""
    coding: ColumnCoding = field(default_factory=lambda: ColumnCoding([]))
    is_matrix: bool = False
    rising: list[bool] = field(default_factory=list)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.feature_names)

    @property
    def has_missing(self) -> bool:
        """Whether some entries are missing."""
        return any(split.features.missing.any() for split in self.splits)

    @property
    def source(self) -> str:
        """Name of the files in messages."""
        return self.files.source

    def validate(self) -> None:
        """Check that both splits have rows, and that all columns have a finite mean.

        Raises
        ------
        InputError
            If not.
        """
        n_training, n_validation = (len(split) for split in self.splits)
        source = self.source
        fraction = self.options.validation_fraction
        if n_training + n_validation == 0:
            raise InputError(f"{source}: there are no rows{' left' if self.n_bad_rows else ''}; give at least one")
        if fraction and not (n_training and n_validation):
            group = self.options.group
            units = f"groups of {group!r}" if group else f"{n_training + n_validation} rows"
            raise InputError(
                f"{source}: validation_fraction {fraction} of the {units} leaves a split without rows; choose another"
            )
        features = self.splits[TRAINING].features
        invalid = np.flatnonzero(~features.is_finite & (features.count > 0))
        if len(invalid):
            column = self.feature_names[int(invalid[0])]
            raise InputError(
                f"{source}: column {column!r} holds numbers too large for a mean; divide them by a large number"
            )
