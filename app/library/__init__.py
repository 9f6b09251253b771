"""Where steps and their plans are kept: one SQLite file that several windows may share. No Qt."""

from app.library.library import Library
from app.library.place import default_path
from app.library.summary import PlanSummary, StepSummary

__all__ = ["Library", "PlanSummary", "StepSummary", "default_path"]
