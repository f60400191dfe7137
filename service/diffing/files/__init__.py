"""Files on the disk or in a bucket: inputs, uploads and results, each complete or absent.

Touches the disk, and the network if a URL or a setting names a bucket.
"""
