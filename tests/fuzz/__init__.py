"""Requests that no client should send, by the thousand, and what the service must make of them."""
