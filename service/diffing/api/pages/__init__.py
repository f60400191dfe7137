"""The web pages: rendered on the server, with the numbers of the API."""
