"""Time grows with the size of the input, not with its square: doubling it takes at most 2.6 times as long.

Each is doubled twice, which tells 2.6² from the 16 of a square in spite of noise, and measured several times, in turn:
the fastest counts.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glassnet import InputError
from glassnet.data import choose_target, features, open_files, target_values

#: Sizes of the smaller input, large enough that squares would show. Wide ones have one row: with more, the number of
#: blocks would grow from one to that of the rows.
COLUMNS, LINES = 8_000, 30_000
ROUNDS = 8


def repeated_name(n: int) -> str:
    return f"{','.join(f'c{column % (n - 1)}' for column in range(n))}\n{','.join(['1.5'] * n)}\n"


def one_name(n: int) -> str:
    return f"{','.join(['c'] * n)}\n{','.join(['1.5'] * n)}\n"


def numbers(n: int) -> str:
    row = f"{','.join(['1.5'] * n)}\n"
    return f"{','.join(f'c{column}' for column in range(n))}\n{row}"


def text(n: int) -> str:
    return numbers(n).replace("1.5", "ab")


def marks(n: int) -> str:
    return numbers(n).replace("1.5", "null")


def no_header(n: int) -> str:
    return f"{','.join(['1.5'] * n)}\n"


def rows_of_another_width(n: int) -> str:
    return "a,b\n" + "1,2\n1\n" * n


def odd_cells(n: int) -> str:
    return "a,b\n" + "1,2\n" * 20 * n + "1,x\n" * n


def quotes(n: int) -> str:
    return "a,b\n" + '"x""y","z"\n"\n",2\n' * n


def open_quote(n: int) -> str:
    return "a,b\n" + "1,2\n" * n + '"' + "x,\n" * n


def comments(n: int) -> str:
    return "# x\n" * n + "a,b\n" + "1,2\n# y\n" * n


def only_delimiters(n: int) -> str:
    return f"{',' * n}\n" * 3


def bad_lines(n: int) -> str:
    return "1 1:2\nx y z\n0 5:1 2:1\n" * n


WIDE = (repeated_name, one_name, numbers, text, marks, no_header, only_delimiters)
LONG = (rows_of_another_width, odd_cells, quotes, open_quote, comments)


def use(path: Path) -> None:
    """Read a file as a training would."""
    files = open_files(path, on_bad_row="skip", max_columns=10**6)
    target = choose_target(files)
    table = files.table()
    target_values(table, target)
    features(table, [name for name in table.names if name != target])


def seconds(path: Path) -> float:
    start = time.process_time()
    with contextlib.suppress(InputError):
        use(path)
    return time.process_time() - start


@pytest.mark.parametrize(
    ("content", "n", "suffix"),
    [
        (repeated_name, COLUMNS, "csv"),
        (bad_lines, LINES // 10, "svm"),
        *(pytest.param(make, COLUMNS, "csv", marks=pytest.mark.slow) for make in WIDE[1:]),
        *(pytest.param(make, LINES, "csv", marks=pytest.mark.slow) for make in LONG),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_time_grows_with_the_input_not_with_its_square(
    content: Callable[[int], str], n: int, suffix: str, tmp_path: Path
) -> None:
    sizes = (n // 2, 2 * n)
    paths = [tmp_path / f"{size}.{suffix}" for size in sizes]
    for path, size in zip(paths, sizes, strict=True):
        path.write_text(content(size))
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        best = [min(least, seconds(path)) for least, path in zip(best, paths, strict=True)]
        if best[1] <= 2.6**2 * best[0] + 0.1:
            return
    raise AssertionError(f"{best[0]:.3f} s, and {best[1]:.3f} s for four times the input")
