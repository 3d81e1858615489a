"""Wrong: where the model is wrong, and which rows are to blame.

`endpoints` is what the page talks to. A `verdict` is what the model says of rows whose truth is known, beside that
truth; `groups` parts it by a column, `listing` shows its rows, and a `search` looks for rows that are mislabelled. The
`judge` keeps them until the model changes.
"""

from glassnet.web.error_analysis.endpoints import router

__all__ = ["router"]
