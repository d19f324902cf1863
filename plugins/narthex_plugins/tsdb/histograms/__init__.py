"""Native histograms in the database: columns of numbers in memory, compressed runs of one series on disk."""
