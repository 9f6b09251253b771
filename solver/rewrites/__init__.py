"""How may an op run in another way that needs fewer bytes? One rule a file."""
