"""Executors run passes. What they compute never depends on which one ran or with how many."""
