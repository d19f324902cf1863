"""``narthex tsdb``: what can be done with a data directory from the command line."""
