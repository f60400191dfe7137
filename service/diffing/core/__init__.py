"""The base of every room: settings, errors, logs, and the comparison.

May touch pydantic, structlog and OpenTelemetry; imports no other room.
"""
