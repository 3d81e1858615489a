"""Every prediction in these tests is made by compiled code, however few the rows."""

import pytest


@pytest.fixture(autouse=True)
def _few_rows_are_compiled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.fused.engine.NUMPY_BELOW", 0)
