"""What Narthex asks of a storage: rows in, frames out. The embedded implementation is a plugin like any other."""
