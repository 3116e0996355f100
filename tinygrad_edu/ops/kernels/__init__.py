"""Exact numerics behind the calculus table: NumPy arrays in, NumPy arrays out."""
