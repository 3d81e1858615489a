"""Learn: a training, watched and steered.

`endpoints` is what the page talks to. A `plan` says what is to be learned and how; a `session` carries it out on a
thread of its own, through the library's own loop, and `batches` is where that waits for the page. What is shown is made
in `frames` (how things stand), `steps` (one step, slowly), `hints` (what is off) and `recipes` (the same run as code).
"""

from glassnet.web.learn.endpoints import router

__all__ = ["router"]
