"""The rules. Pure: standard library and taskwire; croniter and dateutil in timetables. No Django, no I/O."""
