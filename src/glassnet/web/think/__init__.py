"""Endpoints of the tab Think: the forward pass of one row.

`endpoints` serves the page, in addition to ``POST /api/explain``; `drawing` describes the images that the page draws.
Statistics of the units over the example rows are in `glassnet.web.unit_statistics`.
"""

from glassnet.web.think.endpoints import router

__all__ = ["router"]
