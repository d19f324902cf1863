"""The HTTP client of everything that fetches: scrapes, discovery over HTTP, Alertmanagers (``http_config``)."""
