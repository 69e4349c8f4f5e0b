"""Changing the fleet from the screen: what is offered, the plan, the answer, what becomes of each target."""
