"""Pretraining on one's own photographs: what the recipes share, and nothing of any of them."""
