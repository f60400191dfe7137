"""HTTP itself: connections, bounds, problems, ranges, compression, downloads.

Knows nothing of jobs.
"""
