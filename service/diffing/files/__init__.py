"""Files on the disk: inputs, uploads and results, each complete or absent.

Touches the disk alone.
"""
