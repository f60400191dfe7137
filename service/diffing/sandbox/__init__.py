"""Bounds of a process: its files, its memory, and the life of its parent.

Touches the kernel alone.
"""
