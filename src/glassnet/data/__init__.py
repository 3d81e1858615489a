"""Reading of files and arrays into tables, and of tables into arrays; errors name the file, row and column."""

from glassnet.data.columns import (
    choose_target,
    explain_target,
    features,
    target_values,
)
from glassnet.data.conversion import as_table
from glassnet.data.discovery import ReadOptions, open_files, read_table
from glassnet.data.file_set import Files
from glassnet.data.in_memory import as_files
from glassnet.data.tables import TARGET_NAMES, ArrowTable, Matrix, Table
from glassnet.data.text.csv_format import CsvFormat

__all__ = [
    "ArrowTable",
    "CsvFormat",
    "Files",
    "Matrix",
    "ReadOptions",
    "TARGET_NAMES",
    "Table",
    "as_files",
    "as_table",
    "choose_target",
    "explain_target",
    "features",
    "open_files",
    "read_table",
    "target_values",
]
