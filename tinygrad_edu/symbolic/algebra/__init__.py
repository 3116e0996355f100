"""Expressions over indexed axes, what is known of them, and the equations that rewrite them."""
