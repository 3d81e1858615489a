"""Endpoints of the tab Learn: run, watch and control a training.

A `plan` describes data, network and settings; a `session` runs it on a thread, with the library's training loop, and
`batches` is where the loop waits for the page. `snapshots` is the state of a training as JSON, `step_trace` one step in
detail, `hints` are detected problems, `codegen` is the same training as code.
"""

from glassnet.web.learn.endpoints import router

__all__ = ["router"]
