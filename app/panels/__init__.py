"""The docks and strips around the map: what is open, what is selected, what a solve found.

Each is a plain widget made with the Document (and the Library) that follows its signals; none
knows the main window or another panel.
"""
