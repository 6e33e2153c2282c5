"""Weights that their owners offer, and that users fetch: a table of them, and where they lie."""

from .files import WeightsFile as WeightsFile
from .files import table as table
from .store import local_files as local_files
