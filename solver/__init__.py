"""What is to be planned, the plan, how it is found and how it is checked: no torch, no Qt."""
