"""Reads a Parquet file of vectors with DuckDB or pandas, finds the rows most like the first one, and prints a line of JSON with them, the
time and the peak memory of the process.

    python benchmarks/vectors-read.py duckdb|pandas FILE MEGABYTES

DuckDB gets MEGABYTES as its limit of memory; pandas reads batches of pyarrow.
"""

import json
import resource
import sys
import time

reader, path, megabytes = sys.argv[1:4]
count = 5


def by_duckdb():
    import duckdb

    db = duckdb.connect(config={"memory_limit": f"{megabytes}MB", "threads": 2})
    (rows,) = db.execute("SELECT count(*) FROM read_parquet($f)", {"f": path}).fetchone()
    (width,) = db.execute("SELECT len(embedding) FROM read_parquet($f) LIMIT 1", {"f": path}).fetchone()
    found = db.execute(
        f"""SELECT path FROM read_parquet($f), (SELECT embedding AS wanted FROM read_parquet($f) WHERE path = 'pictures/0.jpg')
        ORDER BY array_inner_product(embedding::FLOAT[{width}], wanted::FLOAT[{width}]) DESC LIMIT {count}""",
        {"f": path},
    ).fetchall()
    return rows, [name for (name,) in found]


def by_pandas():
    import numpy
    import pandas
    import pyarrow.parquet

    wanted, best, rows = None, pandas.DataFrame(), 0
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=8192, columns=["path", "embedding"]):
        table = batch.to_pandas()
        vectors = numpy.stack(table.pop("embedding"))
        wanted = vectors[0] if wanted is None else wanted
        table["alike"] = vectors @ wanted
        best = pandas.concat([best, table]).nlargest(count, "alike")
        rows += len(table)
    return rows, list(best.path)


start = time.perf_counter()
rows, found = {"duckdb": by_duckdb, "pandas": by_pandas}[reader]()
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({"rows": rows, "found": found, "seconds": seconds, "peakMemoryMB": peak}))
