"""Rules: evaluate expressions at fixed times, record the results, and turn them into alerts."""
