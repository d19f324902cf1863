import narthex

with narthex.open("data") as database:
    answer = database.query_range(
        "sum by (job) (rate(http_requests_total[2m]))",
        start="2026-01-01T00:01:00Z",
        end="2026-01-01T00:02:00Z",
        step="1m",
    )
    for labels, times, values in answer:
        print(labels, times, values)

    times, matrix = answer.matrix()  # int64 ms [k], float64 [series, k]
    table = answer.to_pandas()  # a row for each sample: job, time, value
    print(table.groupby("job", observed=True)["value"].max())
