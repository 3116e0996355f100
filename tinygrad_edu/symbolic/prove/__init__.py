"""Whether two recorded graphs are equal, joined by steps."""
