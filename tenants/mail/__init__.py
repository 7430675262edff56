"""Mails about accounts: queued with the change they tell of, written and sent afterwards, tried again."""
