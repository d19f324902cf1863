"""Scraping: fetch a target's samples at its slots and append them as rows (docs/explanation/scraping.md)."""
