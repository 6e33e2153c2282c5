"""Figures of damage as models see it: distributions of scores, maps, embeddings, relations."""
