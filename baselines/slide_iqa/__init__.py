"""SLIDE-IQA: an encoder that learns type and extent of damage to parts of an image."""
