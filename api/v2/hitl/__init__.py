"""What tasks ask people, and the answers (Airflow's "human in the loop")."""
