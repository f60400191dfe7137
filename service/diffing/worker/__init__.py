"""Takes jobs from the queue, and runs each diff in a child process.

May touch Huey's consumer; knows nothing of HTTP.
"""
