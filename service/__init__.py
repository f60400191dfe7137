"""Tells which rows of a dataset really changed between two CSV exports."""

from importlib.metadata import version

__version__ = version("diffing")
