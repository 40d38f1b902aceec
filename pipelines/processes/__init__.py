"""Child processes: which interpreter runs them, who watches them, what they may use."""
