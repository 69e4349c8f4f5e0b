"""The two live widgets, and the small ones around them."""
