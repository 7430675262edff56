"""Usage and cost: sums, rows for invoices, budgets."""
