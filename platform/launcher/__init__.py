"""The ``aerodrome`` command: makes the environment, starts the servers, watches the processes.

Read ``stack.py`` for what runs, ``supervisor.py`` for how it is kept running, and ``settings.py`` for
everything that can be set from outside. Nothing here imports the control plane.
"""
