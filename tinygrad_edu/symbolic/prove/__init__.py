"""Whether two recorded graphs are equal, joined by steps."""

from .proof import Proof
from .prove import prove_named

__all__ = ["Proof", "prove_named"]
