"""What every room needs: settings, errors, logs, and what a comparison is.

May touch pydantic, structlog and OpenTelemetry; imports no other room.
"""
