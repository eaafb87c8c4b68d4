"""SQL: the tables, and functions that take an open session or connection. Nothing here opens a transaction by
itself.
"""
