"""What a student believes a gradient to be, judged."""
