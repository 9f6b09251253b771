"""Puts this folder on the import path, so that every solver test can import ``random_steps``."""
