"""Every night: which files, one run at a time, what is missing of a night, and what could not be taken."""
