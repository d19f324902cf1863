"""``narthex plugins conform``: every rule that can be tried on an installed distribution, and a score.

The plugin is never imported by the process that reports: a child (:mod:`.child`) loads it, with the guards on, and
tells rule by rule what it found; the parent (:mod:`.parent`) waits with a limit, ends a child that hangs or died, names
the place, and goes on behind it with another. So whatever a plugin does, there is a report (:mod:`.report`).
"""
