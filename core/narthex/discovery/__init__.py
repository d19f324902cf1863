"""Discovery: runs discoverers, keeps what they found, and hands changes on. See :mod:`narthex.discovery.supervisor`."""
