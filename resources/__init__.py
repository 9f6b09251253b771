"""Data that ships with the program: icons, fonts, themes, the sample step. No code."""
