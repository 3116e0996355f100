"""What a student believes a gradient to be, judged."""

from tinygrad_edu.symbolic.notation.form import Form

from .answer import check_answer
from .claims import Letters, read
from .lines import check_derivation

__all__ = ["Form", "Letters", "check_answer", "check_derivation", "read"]
