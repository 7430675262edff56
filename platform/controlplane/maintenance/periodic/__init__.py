"""Periodic work: schedules are rows (django-celery-beat), one beat asks, Celery workers run, each run is noted."""
