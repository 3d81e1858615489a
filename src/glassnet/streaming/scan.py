"""The first pass over files: everything that must be known of all rows before the first of them is learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._version import __version__
from glassnet.data import choose_target, features, target_values
from glassnet.errors import InputError
from glassnet.preprocessing.statistics import ColumnStatistics
from glassnet.streaming.blocks import Block, Packer, block_rows, encoded
from glassnet.streaming.cache_file import CacheFile, CacheWriter, DamagedCache, remove_unfinished
from glassnet.streaming.fingerprint import Fingerprint, places, remove_older
from glassnet.streaming.splitting import check_fraction, hash_of_groups, hash_of_rows, is_for_validation
from glassnet.streaming.values import TRAINING, VALIDATION, Values


class Files(Protocol):
    """What is asked of files: see `glassnet.data.open_files`."""

    files: tuple[Path, ...]
    paths: tuple[Path, ...]
    names: list[str]

    @property
    def bad_rows(self) -> Any:
        """The rows that the last pass left out: file, row, reason; not all of very many."""

    @property
    def bad_count(self) -> int:
        """How many they were."""

    def blocks(self, text: Sequence[str] = ()) -> Iterator[Any]:
        """Yield the rows in order, as tables of some MB; those columns are text from the beginning."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of the files' rows.

    Parameters
    ----------
    target : str
        The column that is predicted.
    group : str
        A column by whose values rows are set aside together; it is no feature. Without, each row for itself.
    fraction : float
        Share of the rows, or of the groups, set aside for validation.
    bad_rows : str
        Whether bad rows are an ``"error"``, or are left out: ``"skip"``.
    features : tuple of str
        The columns to learn from, in this order; all but target and group if there are none.
    """

    target: str
    group: str = ""
    fraction: float = 0.0
    bad_rows: str = "error"
    features: tuple[str, ...] = ()

    def columns(self, names: list[str]) -> list[str]:
        """Return the features among the columns."""
        return list(self.features) or [name for name in names if name not in (self.target, self.group)]


@dataclass
class Side:
    """What was found of the training rows, or of the validation rows.

    Attributes
    ----------
    features, target : ColumnStatistics
        Of the columns, and of the target where it is numbers.
    rows : list of int
        The rows of each block.
    digest : str
        Of the rows and targets: the same ones, the same digest.
    """

    features: ColumnStatistics
    target: ColumnStatistics = field(default_factory=lambda: ColumnStatistics(1))
    rows: list[int] = field(default_factory=list)
    digest: str = ""

    def __len__(self) -> int:
        return sum(self.rows)


@dataclass
class Survey:
    """What the first pass found.

    Attributes
    ----------
    files : Files
        What was read.
    wanted : Wanted
        What was asked.
    names : list of str
        The features' columns.
    sides : tuple of two Side
        Training and validation.
    values : Values
        Of the target.
    sparse : bool
        Whether rows are CSR.
    entries : int
        Numbers that are stored, over all rows.
    cache : CacheFile or None
        The rows in binary form; without, each pass reads the text again.
    bad_rows : list of [file, row, reason]
        Those left out.
    n_bad_rows : int
        How many; not all of very many are listed.
    text : tuple of str
        Columns that are read as text, as the first pass showed them to be.
    note : str
        Why there is no cache, if one was wanted.
    """

    files: Files
    wanted: Wanted
    names: list[str]
    sides: tuple[Side, Side]
    values: Values
    sparse: bool = False
    entries: int = 0
    cache: CacheFile | None = None
    bad_rows: list[Any] = field(default_factory=list)
    n_bad_rows: int = 0
    text: tuple[str, ...] = ()
    note: str = ""

    @property
    def columns(self) -> int:
        """How many features there are."""
        return len(self.names)

    @property
    def name(self) -> str:
        """What messages call the files."""
        return _name(self.files)


def survey(files: Files, wanted: Wanted, cache: bool = True, progress: Callable[[int], None] | None = None) -> Survey:
    """Find out what the files hold, from a cache that is still right, or in one pass that writes one.

    Parameters
    ----------
    files : Files
        See `glassnet.data.open_files`.
    wanted : Wanted
        Target, group, share for validation.
    cache : bool
        Whether to look for a cache, and to write one.
    progress : callable, optional
        Told the number of rows read so far.

    Raises
    ------
    InputError
        If an entry can't be used (file, row and column named), a column is missing, there are no rows, or none on one
        side.
    """
    check_fraction(wanted.fraction)
    if wanted.group and wanted.group not in files.names:
        raise InputError(f"{_name(files)}: there is no column {wanted.group!r} to group rows by")
    purpose = (__version__, 1, wanted.target, wanted.group, wanted.fraction, wanted.bad_rows, wanted.features)
    candidates = places(files.files, purpose) if cache and files.files else []
    for path in candidates:
        found = _from_cache(files, wanted, path)
        if found is not None:
            return found
    text = (wanted.group,) if wanted.group else ()  # 7 and 007 are two groups, wherever they stand
    result = _first_pass(files, wanted, text, candidates, progress)
    if result.values.texts and result.values.numbers and wanted.target not in text:
        # its first rows looked like numbers: 007 has to be read again to stay what it is
        if result.cache is not None:
            result.cache.close()
        result = _first_pass(files, wanted, (*text, wanted.target), candidates, progress)
    return _checked(result)


def labelled_rows(files: Files, wanted: Wanted, text: Sequence[str]) -> Iterator[tuple[Any, Array, Array, Any]]:
    """Yield of each table the features, the targets, which rows are for validation, and the table itself."""
    before = 0
    names = wanted.columns(files.names)
    for table in files.blocks(text):
        x = features(table, names)
        y = target_values(table, wanted.target)
        if wanted.fraction == 0:
            aside = np.zeros(len(y), bool)
        elif wanted.group:
            aside = is_for_validation(hash_of_groups(target_values(table, wanted.group)), wanted.fraction)
        else:
            aside = is_for_validation(hash_of_rows(before, len(y)), wanted.fraction)
        before += len(y)
        yield x, y, aside, table


def sided_blocks(x: Any, y: Array, aside: Array, packers: tuple[Packer, Packer]) -> Iterator[tuple[int, Block]]:
    """Yield every block that rows fill, with its side."""
    if not aside.any():
        yield from ((TRAINING, block) for block in packers[TRAINING].add(x, y))
        return
    for side, chosen in ((TRAINING, np.flatnonzero(~aside)), (VALIDATION, np.flatnonzero(aside))):
        if len(chosen):
            yield from ((side, block) for block in packers[side].add(x[chosen], y[chosen]))


def _first_pass(
    files: Files,
    wanted: Wanted,
    text: tuple[str, ...],
    candidates: list[Path],
    progress: Callable[[int], None] | None,
) -> Survey:
    names = wanted.columns(files.names)
    if not names:
        raise InputError(f"{_name(files)}: there is no column beside the target; add at least one feature")
    sides = (Side(ColumnStatistics(len(names))), Side(ColumnStatistics(len(names))))
    found = Survey(files, wanted, names, sides, Values(), text=text)
    digests = (hashlib.sha256(), hashlib.sha256())
    rows = block_rows(len(names))
    packers = (Packer(rows), Packer(rows))
    fingerprint = Fingerprint(files.paths)
    writer, found.note = _writer(candidates, fingerprint)
    read = 0

    def keep(side: int, block: Block) -> None:
        nonlocal writer
        found.sides[side].features.add(block.x)
        found.sides[side].rows.append(len(block.y))
        kind, target_kind, entries, arrays = encoded(block)
        found.entries += entries
        digests[side].update(f"{len(block.y)} {kind} {target_kind} {entries}".encode())
        for array in arrays:
            digests[side].update(np.ascontiguousarray(array).data)
        if writer is not None:
            try:
                writer.write(side, block)
            except OSError as error:
                found.note = f"{writer.path}: can't be written: {error.strerror or error}"
                writer.abandon()
                writer = None

    try:
        for x, y, aside, table in labelled_rows(files, wanted, text):
            found.sparse = not isinstance(x, np.ndarray)
            stored = _noted(found, y, aside, table)
            for side, block in sided_blocks(x, stored, aside, packers):
                keep(side, block)
            read += len(y)
            if writer is not None:
                fingerprint.follow(_bytes_of(x))
            if progress is not None:
                progress(read)
        for side in (TRAINING, VALIDATION):
            for block in packers[side].rest():
                keep(side, block)
            found.sides[side].digest = digests[side].hexdigest()
        found.bad_rows = [list(row) for row in files.bad_rows]
        found.n_bad_rows = files.bad_count
        if writer is not None:
            _finish(found, writer, fingerprint)
    finally:
        fingerprint.close()
        if writer is not None:
            writer.abandon()
    return found


def _noted(found: Survey, y: Array, aside: Array, table: Any) -> Array:
    """Note the targets of a table, and return them as blocks store them."""
    where = f"{table.source}: the target column {found.wanted.target!r}"
    stored: Array | None = None
    for side, chosen in ((TRAINING, ~aside), (VALIDATION, aside)):
        if not chosen.any():
            continue
        some = found.values.add(y[chosen], side, where)
        if stored is None:
            stored = np.empty(len(y), some.dtype)
        stored[chosen] = some
        if some.dtype != np.int32:
            found.sides[side].target.add(some.astype(np.float64)[:, np.newaxis])
    return y if stored is None else stored


def _writer(candidates: list[Path], fingerprint: Fingerprint) -> tuple[CacheWriter | None, str]:
    """Return what writes the cache at the first place that can be written, or why nothing does."""
    note = ""
    for path in candidates:
        try:
            remove_unfinished(path.parent)
            return CacheWriter(path, fingerprint.mode), ""
        except OSError as error:
            note = note or f"{path.parent}: can't be written: {error.strerror or error}"
    return None, note


def _finish(found: Survey, writer: CacheWriter, fingerprint: Fingerprint) -> None:
    """Give the cache its name, and open it."""
    facts = {
        "columns": len(found.names),
        "names": found.names,
        "fingerprint": fingerprint.finish(),
        "values": found.values.as_json(),
        "sparse": found.sparse,
        "entries": found.entries,
        "bad_rows": found.bad_rows,
        "n_bad_rows": found.n_bad_rows,
        "text": list(found.text),
        "sides": [
            {
                "count": side.features.rows,
                "bytes": side.features.all_bytes,
                "digest": side.digest,
                "target": [side.target.rows, *side.target.to_array()[:, 0].tolist()],
            }
            for side in found.sides
        ],
    }
    try:
        handle = writer.finish(facts, np.concatenate([side.features.to_array() for side in found.sides]))
        found.cache = CacheFile(writer.path, fingerprint.owners, handle)
        remove_older(writer.path)
    except (OSError, DamagedCache) as error:
        found.note = f"{writer.path}: can't be written: {getattr(error, 'strerror', None) or error}"


def _from_cache(files: Files, wanted: Wanted, path: Path) -> Survey | None:
    """Return what a cache tells, if it is there, whole, and of these files as they are now."""
    if not path.exists():
        return None
    fingerprint, cache = Fingerprint(files.paths), None
    try:
        cache = CacheFile(path, fingerprint.owners)
        found = _told(files, wanted, cache)
        if fingerprint.is_of(cache.facts["fingerprint"]):
            cache.check_blocks()
            return found
    except (DamagedCache, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        pass  # it is made anew
    finally:
        fingerprint.close()
    if cache is not None:
        cache.close()
    return None


def _told(files: Files, wanted: Wanted, cache: CacheFile) -> Survey:
    """Read a cache's facts; an error if they are not ours."""
    facts, names = cache.facts, wanted.columns(files.names)
    if facts["names"] != names or cache.columns != len(names) or cache.figures.shape[0] != 10:
        raise ValueError("the columns are others")
    if len(facts["sides"]) != 2 or type(facts["entries"]) is not int or not np.isfinite(cache.figures).all():
        raise ValueError("the figures are none")
    sides = []
    for number, told in enumerate(facts["sides"]):
        rows, *figures = told["target"]
        for count in (rows, told["count"]):
            if type(count) is not int or count < 0:
                raise ValueError("a count is none")
        target = ColumnStatistics.from_array(np.array(figures, np.float64).reshape(5, 1), rows)
        features_ = ColumnStatistics.from_array(
            cache.figures[5 * number : 5 * number + 5], told["count"], bool(told["bytes"])
        )
        of_side = cache.index[cache.index[:, 5] == number]
        sides.append(Side(features_, target, of_side[:, 3].tolist(), str(told["digest"])))
        if len(sides[-1]) != told["count"]:
            raise ValueError("the counts do not add up")
    bad = [[str(file), int(row), str(reason)] for file, row, reason in facts["bad_rows"]]
    sparse, values = bool(facts["sparse"]), Values.from_json(facts["values"])
    return _checked(
        Survey(
            files, wanted, names, (sides[0], sides[1]), values, sparse, facts["entries"], cache, bad,
            int(facts["n_bad_rows"]), tuple(str(name) for name in facts["text"]),
        )
    )  # fmt: skip


def _checked(found: Survey) -> Survey:
    """Refuse files that leave nothing to learn from or nothing to validate on, or numbers without a mean."""
    training, validation = (len(side) for side in found.sides)
    name, fraction = _name(found.files), found.wanted.fraction
    if training + validation == 0:
        raise InputError(f"{name}: there are no rows{' left' if found.n_bad_rows else ''}; give at least one")
    if fraction and not (training and validation):
        what = f"groups of {found.wanted.group!r}" if found.wanted.group else f"{training + validation} rows"
        raise InputError(
            f"{name}: validation_fraction {fraction} of the {what} leaves no row on one side; choose another"
        )
    side = found.sides[TRAINING]
    wrong = np.flatnonzero(~side.features.is_finite)
    if len(wrong):
        column = found.names[int(wrong[0])]
        raise InputError(f"{name}: column {column!r} holds numbers too large for a mean; divide them by a large number")
    return found


def _bytes_of(x: Any) -> int:
    """Return about how many bytes of text rows come from."""
    return 2 * int(x.nbytes if isinstance(x, np.ndarray) else x.data.nbytes + x.indices.nbytes)


def _name(files: Files) -> str:
    """Return what messages call the files."""
    first = str(files.files[0]) if files.files else "the data"
    return first if len(files.files) < 2 else f"{first} and {len(files.files) - 1} more"


def target_of(files: Files, target: str | None) -> str:
    """Return the target's column: the one asked for, or the first that is called like one."""

    class Named:
        source = _name(files)
        names = files.names

    return choose_target(Named(), target)  # type: ignore[arg-type]  # all that is asked of a table
