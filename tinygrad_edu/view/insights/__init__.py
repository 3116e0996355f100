"""What a trained network shows of itself: forces on weights, sub-networks, routes to a loss."""
