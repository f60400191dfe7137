"""The HTTP API: the routes, in one group of endpoints per subject.

May touch Starlette, uvicorn, sse-starlette, python-multipart, prometheus-client and Jinja;
never DuckDB.
"""
