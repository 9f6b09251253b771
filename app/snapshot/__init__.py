"""What others recorded, on the map: memory snapshots, lifetimes from tables, each placed anew beside it."""
