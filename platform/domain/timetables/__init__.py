"""When a DAG runs: the timetables of Airflow 3.3.2, told by `taskwire.dagspec.TimetableSpec`."""
