"""What `./aerodrome doctor` looks at: each check finds one thing out and says how to mend it."""
