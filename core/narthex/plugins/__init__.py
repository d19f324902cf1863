"""The plugin layer: load, attribute, isolate, report. The only code that touches pluggy."""
