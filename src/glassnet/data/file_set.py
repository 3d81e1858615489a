"""One or several files as one table, read block by block or whole."""

from __future__ import annotations

import contextlib
import difflib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from glassnet.data.bad_rows import BadRows, MarkedRows
from glassnet.data.base_file import File, ReadState
from glassnet.data.concat import concat_blocks
from glassnet.data.formatting import format_names
from glassnet.data.tables import ArrowTable, Table
from glassnet.data.text.column_kinds import TEXT, ColumnKinds, ColumnKindsChanged
from glassnet.data.text.svmlight import merge_names
from glassnet.errors import InputError

ERROR, SKIP, MARK = "error", "skip", "mark"
#: Passes after which the kinds of all columns are certain.
MAX_PASSES = 3
#: Columns among which a similar name is looked for.
MAX_COMPARED = 2000
Result = TypeVar("Result")


class Files:
    """The rows of one or several files; they may be read any number of times.

    Parameters
    ----------
    files : sequence of File
        All with the same columns. Where their order differs it is that of the first file.
    on_bad_row : str
        ``"error"``, ``"skip"``, or ``"mark"``: see `open_files`.
    kinds : mapping of str to str, optional
        The kind of some columns of CSV files: ``"number"``, ``"date"`` or ``"text"``; the others are found.
    ignore : sequence of str
        Columns to leave out.

    Attributes
    ----------
    names : list of str
        The columns, in the first file's order.
    files : tuple of Path
        The files as they were named, sorted; empty for rows in memory.
    paths : tuple of Path
        All files that rows are read from, including the labels of IDX images and each image of a folder.
    """

    def __init__(
        self,
        files: Sequence[File],
        on_bad_row: str = ERROR,
        kinds: Mapping[str, str] | None = None,
        ignore: Sequence[str] = (),
    ) -> None:
        if on_bad_row not in (ERROR, SKIP, MARK):
            raise InputError(f"on_bad_row is {on_bad_row!r}; it must be {ERROR!r}, {SKIP!r} or {MARK!r}")
        self._files = files
        self._skip = on_bad_row != ERROR
        self._bad_rows_class = MarkedRows if on_bad_row == MARK else BadRows
        self._bad_rows = self._bad_rows_class()
        self.names: list[str] = files[0].names
        self.files: tuple[Path, ...] = tuple(file.path for file in files if file.paths)
        self.paths: tuple[Path, ...] = tuple(path for file in files for path in file.paths)
        if all(file.open_ended for file in files):
            self.names = merge_names([file.names for file in files])
        else:
            for file in files[1:]:
                _check_columns(file, files[0])
        self._stored_names = self.names
        self._ignored = frozenset(ignore)
        self._required: frozenset[str] = frozenset()
        self.names = [name for name in self.names if name not in self._ignored]
        if not self.names:
            raise InputError(f"{self.source}: all columns are ignored; leave one at least")
        codes = dict.fromkeys((name for file in files for name in file.codes), TEXT)
        self._kinds = ColumnKinds(codes | dict(kinds or {}))
        #: What the values of the rows depend on beside the files: how they are read.
        self.reading_key = repr(([file.reading_key for file in files], sorted(self._kinds.settled.items()), ignore))

    @property
    def source(self) -> str:
        """Name of the files in messages."""
        return _name_sources([str(path) for path in self.files]) if self.files else "the data"

    @property
    def notes(self) -> list[str]:
        """What was detected of how the files are written and is not plain, with the options that override it."""
        found: dict[str, list[str]] = {}
        for file in self._files:
            for note in file.notes:
                found.setdefault(note, []).append(file.source)
        return [f"{_name_sources(sources)}: {note}" for note, sources in found.items()]

    @property
    def size(self) -> int:
        """Size in bytes: on disk, as compressed; of rows in memory, in memory."""
        return sum(file.size for file in self._files)

    @property
    def bad_rows(self) -> list[tuple[str, int, str]]:
        """The rows that the last pass skipped: file, row (from 1 below the header), reason; the first 100,000."""
        return self._bad_rows.listed

    @property
    def bad_count(self) -> int:
        """Number of rows that the last pass skipped."""
        return self._bad_rows.count

    def require(self, *names: str) -> None:
        """Take an empty cell of these columns for an invalid row; in other columns it is a missing value.

        Booleans of CSV files are read as text in these columns, so that predictions are written as in the file.
        """
        self._required |= frozenset(names)
        if any(file.format == "CSV" for file in self._files):
            with contextlib.closing(self._pass(BadRows(required=self._required), self._ignored)) as blocks:
                first = next(blocks, None)
            if isinstance(first, ArrowTable):
                for name in self._required.intersection(first.names):
                    if str(first.columns.schema.field(name).type) == "bool":
                        self._kinds.settled[name] = TEXT

    def take_marks(self) -> tuple[dict[tuple[str, int], str], list[tuple[str, int]]]:
        """Return, for ``"mark"``, what `blocks` found since the last call.

        Returns
        -------
        kept : dict of (file, row) to str
            Rows that were yielded although they have an invalid cell, which is missing there, and why.
        lost : list of (file, row)
            Rows that could not be parsed.
        """
        return self._bad_rows.take() if isinstance(self._bad_rows, MarkedRows) else ({}, [])

    def check_columns(self, option: str, names: Iterable[str]) -> None:
        """Raise InputError if an option names a column that the files do not have."""
        stored = set(self._stored_names)
        for name in names:
            if name not in stored:
                close = difflib.get_close_matches(name, self._stored_names[:MAX_COMPARED], 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise InputError(
                    f"{self.source}: {option} names the column {name!r}, which is not there{hint}; the columns are "
                    f"{format_names(self._stored_names)}"
                )

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of the columns of CSV files as found by the passes so far: number, boolean, date or text."""
        return self._kinds.found

    def blocks(self, text: Sequence[str] = (), settle: bool = True) -> Iterator[Table]:
        """Yield the rows in order, a few MB at a time, in bounded memory. Each call starts a new pass.

        No block spans two files or is empty. The type of a CSV column may get wider from block to block (bytes, int64,
        float64); it never gets narrower.

        Parameters
        ----------
        text : sequence of str
            Columns of CSV files to read as text.
        settle : bool
            False for a single pass in which only columns matter whose kind is given: other columns may hold numbers in
            some blocks and text in others.

        Raises
        ------
        InputError
            If a row can't be read (file, row, column and value are named), or there are no rows.
        ColumnKindsChanged
            At the end, if a column of numbers turned out to be text: the pass must be made again, and will read it as
            text.
        """
        self._kinds.settled |= dict.fromkeys(text, TEXT)
        self._bad_rows = self._bad_rows_class(required=self._required)
        self._kinds.start_pass()
        rows = 0
        for block in self._pass(self._bad_rows, self._ignored):
            rows += len(block)
            if not (settle and self._kinds.in_doubt):
                yield self._select(block)
        if not rows:
            self._raise_no_rows()
        if settle:
            self._finish_pass()

    def _pass(self, bad_rows: BadRows, ignored: frozenset[str]) -> Generator[Table, None, None]:
        """Yield the blocks of all files that hold rows."""
        state = ReadState(self._stored_names, bad_rows if self._skip else None, self._kinds, ignored)
        for file in self._files:
            for block in file.blocks(state):
                if len(block):
                    yield block

    def _finish_pass(self) -> None:
        """Decide the kinds of columns after a pass; raise ColumnKindsChanged if that has to be repeated."""
        if not self._kinds.in_doubt:
            self._kinds.finish_pass(self._skip)
            return
        undecided = self._kinds.finish_pass(self._skip)
        if undecided:
            self._kinds.start_pass(undecided)
            deque(self._pass(BadRows(required=self._required), frozenset(self._stored_names) - undecided), maxlen=0)
            self._kinds.finish_pass(self._skip)
        raise ColumnKindsChanged(f"{self.source}: columns of numbers turned out to be text; read the rows again")

    def table(self) -> Table:
        """Return all rows in memory."""
        only = self._files[0].in_memory() if len(self._files) == 1 and not self._skip else None
        if only is not None and len(only):
            return self._select(only)
        rows = sum(file.rows for file in self._files)
        return repeat_until_settled(lambda: concat_blocks(self.blocks(), rows))

    def settle(self) -> None:
        """Make a pass over all rows to find the kinds of the columns, so that the next one reads them right."""
        repeat_until_settled(lambda: deque(self.blocks(), maxlen=0))

    def _select(self, block: Table) -> Table:
        """Return a block without the columns to leave out."""
        return block.select(self.names) if self._ignored else block

    def _raise_no_rows(self) -> None:
        where = _name_sources([file.source for file in self._files])
        if self._bad_rows.count:
            _, row, reason = self._bad_rows.listed[0]
            raise InputError(f"{where}: none of the {self._bad_rows.count} rows is valid; row {row}: {reason}")
        message = "the file has a header but no rows" if self.paths else "there are no rows"
        raise InputError(f"{where}: {message}; add at least one row")


def repeat_until_settled(read: Callable[[], Result]) -> Result:
    """Call a function that makes a pass over all blocks; again, if a column turned out to be of another kind."""
    for _ in range(MAX_PASSES - 1):
        with contextlib.suppress(ColumnKindsChanged):
            return read()
    return read()


def _name_sources(sources: Sequence[str]) -> str:
    return sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"


def _check_columns(file: File, first: File) -> None:
    """Check that a file has the columns of the first one."""
    found = set(file.names)
    expected = set(first.names)
    missing = [name for name in first.names if name not in found]
    if missing:
        raise InputError(f"{file.source}: column {format_names(missing)} is missing, which {first.source} has")
    extra = [name for name in file.names if name not in expected]
    if extra:
        raise InputError(f"{file.source}: column {format_names(extra)} is not in {first.source}; remove it")
