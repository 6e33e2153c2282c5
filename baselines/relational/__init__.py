"""Relational IQA: which of two versions of a picture has more of which damage, where."""
