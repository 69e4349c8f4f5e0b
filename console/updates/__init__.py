"""Updaters: one driver for each, which says what is booted, what is next and what a rollback would boot."""
