"""What bounds a process: files that it may reach, memory, and the life of its parent.

Touches the kernel alone.
"""
