"""The terminal: the live fleet on a screen. Imports Textual; nothing else in the package does."""
