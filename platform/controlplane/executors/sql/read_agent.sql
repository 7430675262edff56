-- Purpose: is this agent process the current one? Rows out: (id, epoch, hostname, queues).
SELECT id, epoch, hostname, queues FROM agent WHERE id = %(id)s::uuid
