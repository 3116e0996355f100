"""What a student believes a gradient to be, judged."""

from .answer import check_answer
from .claims import Letters, read
from .lines import check_derivation

__all__ = ["Letters", "check_answer", "check_derivation", "read"]
