"""Measurements with their results; each prints what is stored, and measures anew when asked."""
