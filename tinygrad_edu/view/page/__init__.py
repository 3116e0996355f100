"""The page that explains a gradient: what it tells, step by step, as one HTML document."""

from .page import Page, explain
from .tell import story

__all__ = ["Page", "explain", "story"]
