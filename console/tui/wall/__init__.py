"""The fleet on a display that nobody touches."""
