"""Predictions: ``POST /api/predict`` and ``POST /api/explain``."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
