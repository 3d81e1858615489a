"""Pictures of networks and reports on models, as self-contained HTML: no server, no script, no request."""

from glassnet.visualization.picture import Picture, model_html, show

__all__ = ["Picture", "model_html", "show"]
