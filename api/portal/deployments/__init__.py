"""What is in force: deployments, their history, roll-back and pinning."""
