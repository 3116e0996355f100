"""Floor 2: gradients against differences, and what is wrong where they disagree."""
