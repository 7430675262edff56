"""What the newest parsed bundle version gives reason to say: old spellings, warnings, schedules that fail."""
