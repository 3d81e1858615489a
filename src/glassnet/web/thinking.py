"""Think: a row's way through the network."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
