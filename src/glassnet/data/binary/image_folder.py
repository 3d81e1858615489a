"""A folder with a subfolder of images (PNG, JPEG) for each class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.data.base_file import MAX_FEATURES, File, ReadState, rows_per_block
from glassnet.data.formatting import first_line
from glassnet.data.ordered_map import ordered_map
from glassnet.data.provenance import RowSpan
from glassnet.data.table_blocks import column_names
from glassnet.data.tables import Matrix
from glassnet.errors import InputError

#: File extensions of images.
EXTENSIONS = (".png", ".jpg", ".jpeg")
#: Name of the target.
LABEL = "label"
#: Pillow's modes of grayscale images with at most 8 bits per pixel; LA has an alpha channel.
_GRAYSCALE = ("1", "L", "LA")
_COLOR = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr")


class ImageFolder(File):
    """A folder of images of one size: in a subfolder named after each class, or directly in it, without classes.

    If the first image is grayscale, all must be, and the columns are 1x1, 1x2, … (row × column). Otherwise each pixel
    has red, green and blue, 1x1x1, 1x1x2, 1x1x3, …, and grayscale images are converted to color. The alpha channel is
    ignored.
    """

    format = "images"
    extensions = EXTENSIONS

    def __init__(self, path: Path, max_columns: int | None = None) -> None:
        super().__init__(path, max_columns)
        self._images = find_images(path)
        self._labelled = self._images[0].parent != path
        self._open = _image_opener()
        first = self._decode(self._images[0], None)
        if isinstance(first, str):
            raise InputError(f"{self._images[0]}: {first}")
        self._shape = first.shape
        self._names = column_names(first.shape)
        self.names = [*self._names, *([LABEL] if self._labelled else [])]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images."""
        return tuple(self._images)

    def blocks(self, state: ReadState) -> Iterator[Matrix]:
        """Yield the images, class by class: see `File.blocks`."""
        step = rows_per_block(len(self._names))
        for first in range(0, len(self._images), step):
            paths = self._images[first : first + step]
            valid: list[tuple[Path, Array]] = []
            decoded = ordered_map(lambda path: self._decode(path, self._shape), paths)
            for path, pixels in zip(paths, decoded, strict=True):
                if not isinstance(pixels, str):
                    valid.append((path, pixels))
                elif state.bad_rows is not None:
                    state.bad_rows.add(str(path), [(1, pixels)])
                else:
                    raise InputError(f"{path}: {pixels}")
            if valid:
                yield self._block(valid)

    def _block(self, rows: list[tuple[Path, Array]]) -> Matrix:
        x = np.stack([pixels.reshape(-1) for _, pixels in rows])
        y = np.array([path.parent.name for path, _ in rows], object) if self._labelled else None
        spans = tuple(RowSpan(index, str(path), 1) for index, (path, _) in enumerate(rows))
        return Matrix(self.source, x, y, self._names, LABEL, spans=spans)

    def _decode(self, path: Path, shape: tuple[int, ...] | None) -> Array | str:
        """Return the pixels of an image, of this shape if one is given; or why it can't be used."""
        try:
            with self._open(path) as image:
                width, height = image.size
                mode = image.mode
                if mode not in _GRAYSCALE + _COLOR:
                    return f"it has mode {mode}; save it with 8 bits per channel"
                if width * height * (1 if mode in _GRAYSCALE else 3) > MAX_FEATURES:
                    return f"it has {width}×{height} pixels, more than {MAX_FEATURES:,} numbers; resize it"
                if shape is not None and (height, width) != shape[:2]:
                    return f"it has {width}×{height} pixels, the first image {shape[1]}×{shape[0]}; resize it"
                is_color = mode in _COLOR if shape is None else len(shape) == 3
                if mode in _COLOR and not is_color:
                    return "it is a color image, and the first one is grayscale; convert all images to one of them"
                if "transparency" in image.info:
                    image = image.convert("RGBA")
                return np.asarray(image.convert("RGB" if is_color else "L"))
        except Exception as error:  # Pillow raises almost any exception for a damaged image
            return f"it can't be read as PNG or JPEG: {first_line(error)}; is the file complete?"


def find_images(folder: Path) -> list[Path]:
    """Return the images in a folder, or in its subfolders, sorted by class and name.

    Raises
    ------
    InputError
        If there are none, or some in both.
    """
    entries = sorted(folder.iterdir())
    flat = [path for path in entries if _is_image(path)]
    labelled = [
        path
        for subfolder in entries
        if subfolder.is_dir() and not subfolder.name.startswith(".")
        for path in sorted(subfolder.iterdir())
        if _is_image(path)
    ]
    if flat and labelled:
        raise InputError(f"{folder}: there are images both in it and in its subfolders; give each class a subfolder")
    if not flat and not labelled:
        raise InputError(f"{folder}: there is no file in this folder")
    return flat or labelled


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()


def _image_opener() -> Any:
    """Return the function that opens an image without reading its pixels."""
    from PIL import JpegImagePlugin, PngImagePlugin

    def open_(path: Path) -> Any:
        with path.open("rb") as file:
            is_png = file.read(4) == b"\x89PNG"
        return (PngImagePlugin.PngImageFile if is_png else JpegImagePlugin.JpegImageFile)(path)

    return open_
