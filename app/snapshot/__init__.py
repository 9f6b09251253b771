"""What others recorded: memory snapshots and tables of lifetimes, on the map and placed anew."""
