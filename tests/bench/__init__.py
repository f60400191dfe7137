"""Time and memory of a diff, beside what reading costs and beside other tools."""
