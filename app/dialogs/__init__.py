"""Dialogs: what to capture, a solve's limits, a verification's report, keys, about."""
