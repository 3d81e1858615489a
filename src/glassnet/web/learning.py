"""Learn: a training, watched and steered."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
