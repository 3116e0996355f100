"""A story as one HTML file: every step in an ordered list, which a small script steps through."""

from .page import Page, explain

__all__ = ["Page", "explain"]
