"""A folder with a folder of pictures (PNG, JPEG) for each class; needs Pillow (extra ``images``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.arrays import column_names
from glassnet.data.file import MAX_FEATURES, File, rows_at_once
from glassnet.data.formatting import first_line
from glassnet.data.ordered_map import ahead
from glassnet.data.passes import Pass
from glassnet.data.tables import Matrix, Run
from glassnet.errors import InputError

#: The ends of pictures' names.
ENDINGS = (".png", ".jpg", ".jpeg")
#: The target's name.
LABEL = "label"
#: How Pillow stores pictures without colours, 8 bits or fewer for each pixel; LA has transparency beside.
_GREY = ("1", "L", "LA")
_COLOURED = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr")


class PictureFolder(File):
    """A folder of pictures of one size: those of each class in a folder of its name, or all in it, without classes.

    If the first picture is grey, all are, and a row has the numbers 1x1, 1x2, … (row × column); else each pixel has
    red, green and blue, 1x1x1, 1x1x2, 1x1x3, …, and grey pictures are read as coloured ones. Transparency is left out.
    """

    format = "pictures"
    endings = ENDINGS

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._pictures = pictures_in(path)
        self._labelled = self._pictures[0].parent != path
        self._open = _opener()
        first = self._decoded(self._pictures[0], None)
        if isinstance(first, str):
            raise InputError(f"{self._pictures[0]}: {first}")
        self._shape = first.shape
        self._names = column_names(first.shape)
        self.names = [*self._names, *([LABEL] if self._labelled else [])]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The pictures."""
        return tuple(self._pictures)

    def blocks(self, state: Pass) -> Iterator[Matrix]:
        """Yield the pictures, class by class: see `File.blocks`."""
        step = rows_at_once(len(self._names))
        for first in range(0, len(self._pictures), step):
            pictures = self._pictures[first : first + step]
            good: list[tuple[Path, Array]] = []
            for picture, pixels in zip(
                pictures, ahead(lambda path: self._decoded(path, self._shape), pictures), strict=True
            ):
                if not isinstance(pixels, str):
                    good.append((picture, pixels))
                elif state.bad is not None:
                    state.bad.add(str(picture), [(1, pixels)])
                else:
                    raise InputError(f"{picture}: {pixels}")
            if good:
                yield self._block(good)

    def _block(self, rows: list[tuple[Path, Array]]) -> Matrix:
        x = np.stack([pixels.reshape(-1) for _, pixels in rows])
        y = np.array([picture.parent.name for picture, _ in rows], object) if self._labelled else None
        runs = tuple(Run(index, str(picture), 1) for index, (picture, _) in enumerate(rows))
        return Matrix(self.source, x, y, self._names, LABEL, runs=runs)

    def _decoded(self, path: Path, shape: tuple[int, ...] | None) -> Array | str:
        """Return a picture's pixels, or what is wrong with it; of this shape if one is given."""
        try:
            with self._open(path) as image:
                (width, height), mode = image.size, image.mode
                if mode not in _GREY + _COLOURED:
                    return f"it has {mode} for each pixel; save it with 8 bits for each colour"
                if width * height * (1 if mode in _GREY else 3) > MAX_FEATURES:
                    return f"it has {width}×{height} pixels, more than {MAX_FEATURES:,} numbers; make it smaller"
                if shape is not None and (height, width) != shape[:2]:
                    return f"it has {width}×{height} pixels, the first picture {shape[1]}×{shape[0]}; make them alike"
                coloured = mode in _COLOURED if shape is None else len(shape) == 3
                if mode in _COLOURED and not coloured:
                    return "it has colours, and the first picture has none; make them alike"
                if "transparency" in image.info:
                    image = image.convert("RGBA")
                return np.asarray(image.convert("RGB" if coloured else "L"))
        except Exception as error:  # Pillow raises nearly anything for a damaged picture
            return f"it can't be read as PNG or JPEG: {first_line(error)}; is it whole?"


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder, or in the folders in it, sorted by class and name; none is an error."""
    inside = sorted(folder.iterdir())
    flat = [path for path in inside if _is_picture(path)]
    classed = [
        path
        for each in inside
        if each.is_dir() and not each.name.startswith(".")
        for path in sorted(each.iterdir())
        if _is_picture(path)
    ]
    if flat and classed:
        raise InputError(f"{folder}: there are pictures in it and in folders in it; give each class a folder")
    if not flat and not classed:
        raise InputError(f"{folder}: there is no file in this folder")
    return flat or classed


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def _opener() -> Any:
    """Return what opens a picture without reading its pixels."""
    try:
        from PIL import JpegImagePlugin, PngImagePlugin
    except ImportError:
        raise InputError('pictures need Pillow; install it with: pip install "glassnet[images]"') from None

    def open_(path: Path) -> Any:
        with path.open("rb") as file:
            is_png = file.read(4) == b"\x89PNG"
        return (PngImagePlugin.PngImageFile if is_png else JpegImagePlugin.JpegImageFile)(path)

    return open_
