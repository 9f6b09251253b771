"""What is true of a plan, a storage, a comparison or a solve, in words and figures. No Qt."""
