"""The names of the figures of a diff and its analysis, in the order in which they are shown."""

ROWS = ("added", "changed", "removed", "unchanged")
"""The counts of the kinds of rows in a summary."""

COUNTS = (*ROWS, "within_tolerance", "emitted")
"""The counts in a status: members of a summary."""

CELLS = {
    "cells": "cells",
    "up": "up",
    "down": "down",
    "from_zero": "from 0",
    "to_zero": "to 0",
    "filled": "filled",
    "emptied": "emptied",
    "turned": "sign turned",
}
"""The counts of the cells of a value column in an analysis, each with its words."""

SIGNS = {"added": 1, "removed": -1, "up": 1, "down": -1, "other": 1}
"""The signs of the parts of a bridge: old, and the parts with their signs, give new."""

PARTS = (*SIGNS,)
"""The parts of a bridge."""
