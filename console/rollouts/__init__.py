"""Changes carried out over many hosts: waves, gates, the reboot lock, and what must never come back."""
