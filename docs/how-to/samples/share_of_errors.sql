SELECT job,
       max(value) FILTER (code = '500') AS errors,
       count(*) AS samples
FROM 'export/samples.parquet'
JOIN 'export/series.parquet' USING (series)
WHERE "__name__" = 'http_requests_total'
GROUP BY job
ORDER BY job
