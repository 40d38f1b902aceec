"""The version of the distribution, kept where no import is needed to read it."""

__version__ = "0.2.0"
