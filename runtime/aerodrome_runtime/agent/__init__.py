"""The supervising process: claims work, hands it to warm children, answers their SDK frames, reports.

Never imports Airflow and never runs tenant code. Reading order: `service`, `claiming`, `attempt`, `reporting`.
"""
