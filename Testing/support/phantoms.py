"""Phantoms that several tests look at, each made once."""

from __future__ import annotations

from functools import lru_cache

from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.variants import VARIANTS


@lru_cache(maxsize=4)
def variant(name: str) -> Phantom:
    """One of the ready-made phantoms."""
    return make_phantom(VARIANTS[name])


@lru_cache(maxsize=1)
def standard() -> Phantom:
    """The phantom that all variants depart from."""
    return make_phantom(VARIANTS["standard"])
