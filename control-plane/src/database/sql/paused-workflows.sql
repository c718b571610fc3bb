-- Workflows whose new runs wait. Crosses projects by nature: every replica asks once a second.
SELECT id FROM workflows WHERE pause IS NOT NULL
