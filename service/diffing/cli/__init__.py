"""The command line: arguments, what people read, and the processes that `serve` runs.

May touch typer, rich and httpx2; imports any room, late, so that each command starts fast.
"""
