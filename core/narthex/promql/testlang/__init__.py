"""promqltest, Prometheus's test language for PromQL: read scripts, run them on an engine, say what differs."""
