"""What a student believes a gradient to be, judged."""

from .answer import check_answer

__all__ = ["check_answer"]
