"""Figures of a probe set as models see it: distributions of scores, maps, embeddings."""
