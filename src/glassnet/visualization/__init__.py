"""Pictures of networks and reports on models, as self-contained HTML: no server, no script, no request."""

from glassnet.visualization.show import Picture, show

__all__ = ["Picture", "show"]
