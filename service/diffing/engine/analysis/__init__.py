"""The analysis of a diff: what moved, by how much, where and when."""
