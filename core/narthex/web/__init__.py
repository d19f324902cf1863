"""The HTTP API of Prometheus, and Narthex's own pages. Decisions live elsewhere."""
