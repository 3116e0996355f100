"""From a recorded graph to its gradient as a formula, step by step."""
