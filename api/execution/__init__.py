"""Airflow's Task Execution API, version 2026-06-30, at `/execution/`: for running tasks and their supervisors.

`gate.py` decides who may call what, `bodies.py` says what may be sent, `answers.py` how it is answered; the
other files are the endpoints. Every operation of Airflow's API is there, in all of its versions.
"""
