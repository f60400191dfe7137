"""One script a peer, run as `python -P <script> OLD NEW OUTPUT KEY VALUE` in its own environment.

All answer the same question: which rows of NEW have a key that OLD lacks, or a value that differs
beyond a relative tolerance of 1e-9? KEY and VALUE are column names separated by commas; NULL keys
equal NULL keys; every column is read as text, and values are cast to numbers to compare them.
"""
