"""Getting samples in and out of a data directory while no server runs on it: import, export, backfill."""
