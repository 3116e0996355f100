"""Floor 3: programs. The rules of the table are fed names and write NumPy, line by line."""

from tinygrad_edu.program.program import Program, compile

__all__ = ["Program", "compile"]
