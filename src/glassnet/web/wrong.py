"""Wrong: where the model errs, and why."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
