"""Handing alerts over: from the rules to Alertmanagers and to receivers that plugins bring."""
