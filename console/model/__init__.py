"""The nouns of the fleet as frozen values. Pure: no I/O, no async, no third-party types."""
