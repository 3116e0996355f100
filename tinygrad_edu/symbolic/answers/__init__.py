"""What a student believes a gradient to be, judged."""

from .answer import check_answer
from .lines import check_derivation

__all__ = ["check_answer", "check_derivation"]
