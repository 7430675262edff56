"""What a running task tells us: start, heartbeat, outcome, defer, XCom, logs."""
