"""What stands in a data directory, this database's own or Prometheus's: listing, verifying, analysing."""
