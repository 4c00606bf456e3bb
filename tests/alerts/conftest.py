"""Hypothesis on a machine that others use too: how long an example takes is no law."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
