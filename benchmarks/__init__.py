"""One script per speed goal, measured side by side with its peers. Start with README.md."""
