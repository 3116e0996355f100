"""Floor 0: operations, vertices, walks and the backward pass. Knows NumPy and no calculus."""
