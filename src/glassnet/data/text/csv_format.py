"""How a CSV file is written: what a user says about it (`CsvFormat`), and what was found (`Dialect`)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from glassnet.data.text.lines import Quoting
from glassnet.errors import InputError

#: Cells that mean a missing value in a column of numbers, booleans or dates, beside the empty cell.
MISSING_MARKS = ("?", "NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "-", ".")
_COMMON_MARKS = ("", "?", "NA", "-")
#: Delimiters that are detected, most common first.
DELIMITERS = (",", ";", "\t", "|")
_SEPARATORS = (".", ",", "'", " ", "_", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}")


@dataclass(frozen=True)
class CsvFormat:
    r"""How CSV files are written; None means that it is detected.

    Parameters
    ----------
    delimiter : str, optional
        One character, or ``"tab"``.
    decimal : str, optional
        ``"."`` or ``","``.
    encoding : str, optional
        Any encoding that Python knows, such as ``"cp1252"``.
    missing : tuple of str, optional
        The cells that mean a missing value, in columns of every kind, beside the empty cell; they replace the usual
        marks (`MISSING_MARKS`), which count in columns of numbers, booleans and dates only.
    header : bool, optional
        Whether the first row holds the names of the columns.
    thousands : str, optional
        The separator of thousands.

    Raises
    ------
    InputError
        If a value can't be one of these.
    """

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] | None = None
    header: bool | None = None
    thousands: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter in ("tab", "\\t"):
            object.__setattr__(self, "delimiter", "\t")
        delimiter = self.delimiter
        if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in "\r\n\"'\0"):
            raise InputError(f"delimiter is {delimiter!r}; it must be one character such as ';', or 'tab'")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal is {self.decimal!r}; it must be '.' or ','")
        if self.thousands is not None and self.thousands not in _SEPARATORS:
            raise InputError(f"thousands is {self.thousands!r}; it must be one of {', '.join(map(repr, _SEPARATORS))}")
        if self.thousands is not None and self.thousands == (self.decimal or (self.thousands == "." and ",")):
            raise InputError(f"thousands and decimal are both {self.thousands!r}; they must differ")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, ValueError):
                raise InputError(f"encoding {self.encoding!r} is not known; try utf-8, cp1252 or utf-16") from None
        if self.missing is not None and not all(isinstance(mark, str) for mark in self.missing):
            raise InputError(f"missing is {self.missing!r}; it must be a tuple of text")

    def to_dict(self) -> dict[str, Any]:
        """Return what is not None, as values that JSON holds."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CsvFormat:
        """Return the format of `to_dict`; unknown entries are ignored."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        if isinstance(known.get("missing"), list):
            known["missing"] = tuple(known["missing"])
        return cls(**known)


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written, as found by `glassnet.data.text.dialect_detection.detect_dialect`.

    Parameters
    ----------
    columns : tuple of str
        A name for every cell of a row, also for those that are left out.
    dropped : tuple of str
        Columns that are left out: an unnamed counter of the rows, and what follows a delimiter at the end of each line.
    start : int
        Number of bytes before the first row of data, in the text as UTF-8.
    encoding, delimiter, quote, decimal : str
        ``quote`` is empty if cells are not quoted.
    header : bool
        Whether the names were read from the file.
    thousands : str
        The separator of thousands, or an empty string.
    comment : bool
        Whether lines that begin with ``#`` are left out.
    blanks : bool
        Whether blanks stand after delimiters.
    quote_after_blank : bool
        Whether blanks stand between a delimiter and a quote.
    blank_runs : bool
        Whether any number of blanks are one delimiter.
    missing : tuple of str
        Cells that mean a missing value.
    missing_in_text : bool
        Whether they do so in columns of text too.
    date_formats : tuple of str
        Formats of dates beside ISO 8601.
    codes : frozenset of str
        Columns of whole numbers written with leading zeros to one width, such as 007: they are text.
    notes : tuple of str
        What was detected that is not plain, and how to override it.
    """

    columns: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    start: int = 0
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    header: bool = True
    thousands: str = ""
    comment: bool = False
    blanks: bool = False
    quote_after_blank: bool = False
    blank_runs: bool = False
    missing: tuple[str, ...] = MISSING_MARKS
    missing_in_text: bool = False
    date_formats: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The columns that are not left out."""
        return [name for name in self.columns if name not in self.dropped]

    @cached_property
    def quoting(self) -> Quoting:
        """The delimiter and quote, as bytes."""
        return Quoting(self.delimiter.encode(), self.quote.encode(), self.quote_after_blank)

    @cached_property
    def null_values(self) -> list[str]:
        """The cells that Arrow reads as null."""
        with_blanks = [form for mark in self.missing for form in (f" {mark}", f"{mark} ")] if self.blanks else []
        return ["", *self.missing, *with_blanks]

    @cached_property
    def common_null_values(self) -> list[str]:
        """Some of `null_values`, with which parsing is faster; all those that Arrow reads as numbers are among them."""
        if self.missing_in_text:
            return self.null_values
        return [value for value in self.null_values if value.strip() in _COMMON_MARKS or value.strip().lower() == "nan"]

    @cached_property
    def number(self) -> str:
        """A regular expression that matches a number, with separators of thousands where there are any."""
        decimal = re.escape(self.decimal)
        whole = "[0-9]+"
        if self.thousands:
            separator = re.escape(self.thousands)
            whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{separator}[0-9]{{3}})+)"
        return rf"^[ \t]*[+-]?(?:{whole}{decimal}?[0-9]*|{decimal}[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*$"

    def plain(self, text: bytes) -> bytes:
        """Return rows without what Arrow does not read: comments, runs of blanks, blanks before quotes."""
        if self.comment and b"#" in text:
            text = re.sub(rb"(?m)^#[^\r\n]*(?:\r?\n|\r|\Z)", b"", text)
        if self.blank_runs:
            return re.sub(rb"(?m)^ +| +(?=\r?$)", b"", re.sub(rb"[ \t]+", b" ", text))
        if self.quote_after_blank:
            delimiter = self.delimiter.encode()
            quote = self.quote.encode()
            # a quoted cell is matched first, so that what it holds is kept
            pattern = b"(%b(?:[^%b]|%b)*+%b)|%b +(?=%b)" % (quote, quote, quote * 2, quote, re.escape(delimiter), quote)
            text = re.sub(pattern, lambda match: match[1] or delimiter, text)
        return text
