"""The main window: menus, bars, docks, pages, and the work it has done in the background."""
