"""Endpoints of the tab Wrong: error analysis.

An `evaluation` compares the model's predictions with known targets; `groups` breaks it down by a column, `listing`
returns its rows, and `search` looks for label errors. The `service` caches evaluations until the model is replaced.
"""

from glassnet.web.error_analysis.endpoints import router

__all__ = ["router"]
