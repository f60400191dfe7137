"""The image and `compose.yaml` on a real engine: `python -m tests.image`."""
