"""The HTTP API: the table of routes, and an endpoint group for each subject.

May touch Starlette, uvicorn, sse-starlette, python-multipart and prometheus-client; never DuckDB.
"""
