"""MANY hosts: the inventory, their supervision, the live model and its change feed."""
