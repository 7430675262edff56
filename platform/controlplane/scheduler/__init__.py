"""Stations 4, 5, 6 and 9: promote, admit, dispatch, propagate."""
