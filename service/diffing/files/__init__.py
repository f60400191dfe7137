"""Files on the disk: inputs, uploads and results, each whole or not there.

Touches the disk alone.
"""
