"""What runs with torch: capture a step, run a plan, verify it, export it. No Qt."""
