"""Writes a plan as a folder that runs it with nothing but torch: ``export(step, plan, folder)``."""

from .package import export, module_name

__all__ = ["export", "module_name"]
