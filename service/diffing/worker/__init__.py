"""Takes jobs and conversions from their queues, and runs each in a child process.

May touch Huey's consumer; knows nothing of HTTP.
"""
