"""Rules about alerts: what fits a rule, what belongs together, how urgent it is, who is told, what they read."""
