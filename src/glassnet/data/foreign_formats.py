"""Files of formats that are not read: their names, and what to do instead."""

from __future__ import annotations

from pathlib import Path

from glassnet.errors import InputError

_SAVE_CSV = "save it as CSV"
_TABULAR = "pandas reads it: save the frame with to_csv or to_parquet"
#: The first bytes of a file, the format's name, and the way out.
_MAGIC_BYTES = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save it as .xlsx or CSV"),
    (b"%PDF", "a PDF document", "copy its table into a spreadsheet, and save that as CSV"),
    (b"\x89HDF", "an HDF5 file", _TABULAR),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"$FL2", "an SPSS file", _TABULAR),
    (b"<stata_dta>", "a Stata file", _TABULAR),
    (b"RDX", "an R data file", "write it with write.csv(data, 'file.csv', row.names = FALSE)"),
    (b"MATLAB 5.0", "a MATLAB file", "write it with writematrix or writetable"),
    (b"\xfd7zXZ", "compressed by xz", "unpack it, or compress it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"\x89PNG", "a picture", "name a folder with a folder of pictures for each class"),
    (b"\xff\xd8\xff", "a picture", "name a folder with a folder of pictures for each class"),
    (b"GIF8", "a picture", "name a folder with a folder of PNG or JPEG pictures for each class"),
    (b"ORC", "an ORC file", _TABULAR),
    (b"Obj\x01", "an Avro file", "convert it to Parquet or CSV"),
    *(
        (bytes([0x80, version]), "a pickle", "it may run code when it is loaded; " + _SAVE_CSV)
        for version in range(2, 6)
    ),
)
_TEXT_STARTS = (
    (b"<!doctype html", "a web page, not a table", "download the file itself (on GitHub: the raw file)"),
    (b"<html", "a web page, not a table", "download the file itself (on GitHub: the raw file)"),
    (b"<?xml", "an XML file", _SAVE_CSV),
    (b'{"', "a JSON file", "pandas.read_json reads it: save the frame with to_csv"),
    (b"[{", "a JSON file", "pandas.read_json reads it: save the frame with to_csv"),
    (b"@relation", "an ARFF file", "scipy.io.arff.loadarff reads it: save the rows as CSV"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch it with: git lfs pull"),
)
_EXTENSIONS = {
    ".ods": ("an OpenDocument spreadsheet", "save it as .xlsx or CSV"),
    ".xlsb": ("a binary Excel workbook", "save it as .xlsx or CSV"),
    ".tar": ("a tar archive", "unpack it"),
    ".tgz": ("a tar archive", "unpack it"),
    ".glassnet": ("a model", "name the file with the rows, and the model in its own place"),
}


def reject_foreign_format(path: Path, start: bytes) -> None:
    """Check that a file is not of a known format that is not read.

    Parameters
    ----------
    path : Path
        The file.
    start : bytes
        Its first bytes.

    Raises
    ------
    InputError
        If it is; the format and the way out are named.
    """
    found = _EXTENSIONS.get(path.suffix.lower())
    for magic, name, advice in _MAGIC_BYTES:
        if start.startswith(magic):
            found = name, advice
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for begin, name, advice in _TEXT_STARTS:
        if text.startswith(begin):
            found = name, advice
    if found is not None:
        raise InputError(f"{path}: this is {found[0]}; {found[1]}")
