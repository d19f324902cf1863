"""New plugins: names, templates, and the files that ``narthex new plugin`` writes."""
