"""Which master serves which frame: criteria, certificates, choice, reasons, needs."""
