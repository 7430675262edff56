from tests.support.airflow_runtime import runtime

__all__ = ["runtime"]
