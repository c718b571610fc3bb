-- Gives reservations back. $1 project ids, $2 run ids, $3 positions, in parallel.
UPDATE task_queue q SET taken_until = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS w(p, r, o)
WHERE q.project_id = w.p AND q.run_id = w.r AND q.position = w.o
