import pandas as pd

samples = pd.read_parquet("export/samples.parquet", columns=["series", "time", "value"])
series = pd.read_parquet("export/series.parquet")
requests = samples.merge(series, on="series")
by_job = requests.groupby(["job", "time"], observed=True)["value"].sum().unstack("job")
print(by_job)
