"""Protocols turn what cells hold into measures; one file each, over shared statistics."""
