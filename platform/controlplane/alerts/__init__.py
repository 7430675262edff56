"""What somebody wants to hear of: callbacks that the control plane owes, deadlines and `sla`s."""
