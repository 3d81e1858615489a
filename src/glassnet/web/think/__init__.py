"""Think: one row's way through the network.

`endpoints` is what the page talks to, beside ``POST /api/explain``; `pen` is what drawing by hand needs to know of the
pictures. What the units answer to the rows at hand is `glassnet.web.unit_statistics`.
"""

from glassnet.web.think.endpoints import router

__all__ = ["router"]
