-- Days of one kind of weather, the coldest first. `:weather` is bound by the task.
SELECT date, temp_min
FROM weather
WHERE weather = :weather
ORDER BY temp_min, date
