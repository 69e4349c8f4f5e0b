"""Quarterdeck: an operations console for fleets of container hosts."""

__version__ = "0.1.0"
