"""The lessons that come with the program: texts, the steps they are about, and these steps' models."""
