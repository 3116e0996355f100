"""How formulas are written, and how what is written is read."""
