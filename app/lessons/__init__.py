"""Lessons: short texts on live steps that point the map somewhere, ask, and check the answer."""
