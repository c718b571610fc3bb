-- To which run attempts belong, for reports about attempts that this replica did not offer.
-- $1 project ids, $2 attempt ids, in parallel; only the agent's own are found ($3 agent ids).
SELECT a.project_id, a.id, a.run_id, a.position, a.state
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w(p, a, g)
JOIN attempt_records a ON a.project_id = w.p AND a.id = w.a AND a.agent_id = w.g
