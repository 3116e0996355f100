"""Floor 2: expressions, the algebra that rewrites them, and the derivation of a gradient."""

from tinygrad_edu.symbolic.notation import written as written  # it says how formulas look
