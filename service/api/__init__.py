"""The HTTP API: queues jobs, and tells and hands out what became of them."""
