"""A network as a picture that stands for itself: HTML and SVG, no server, no script, no request."""

from glassnet.visualization.show import Picture, show

__all__ = ["Picture", "show"]
