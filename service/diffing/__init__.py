"""Report which rows of a dataset really changed between two CSV exports."""

__version__ = "0.1.0"
