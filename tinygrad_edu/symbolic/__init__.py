"""Floor 2: expressions, the algebra that rewrites them, and the derivation of a gradient."""
