"""Which frames go together."""
