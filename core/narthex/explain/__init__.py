"""Answers to "why?" and "what if?": pure functions over configurations, groups and targets.

They call the functions that the server itself decides with, so an explanation cannot differ from what happens.
"""
