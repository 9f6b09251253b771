"""What leaves the program to be shown elsewhere: pictures of a map, and a page that is the map."""
