"""What ships with Narthex, registered through the same hooks as a stranger's plugin; ``standard`` is the list."""
