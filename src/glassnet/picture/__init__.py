"""A network as a picture that stands for itself: HTML and SVG, no server, no script, no request."""

from glassnet.picture.show import Picture, show

__all__ = ["Picture", "show"]
