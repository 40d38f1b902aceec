"""What is missing or odd in a night. Asks calibration; has no rule of its own."""
