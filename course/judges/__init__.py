"""A judge for each exercise, a file for each notebook."""
