/** The vectors of a job in DuckDB, which reads the parts as one table and compares vectors with SIMD. */
import { DuckDBInstance } from "@duckdb/node-api";

/** @param folder what `ppt-vit embed` had as --out */
export async function openVectors(folder) {
  const db = await (await DuckDBInstance.create()).connect();
  const files = `${folder.replaceAll("'", "''")}/*.parquet`;
  const all = async (sql, ...values) => (await db.runAndReadAll(sql, values)).getRowObjects();
  // A picture with an error has no vector.
  const [{ length }] = await all(`SELECT len(embedding) AS length FROM '${files}' WHERE error IS NULL LIMIT 1`);
  await db.run(
    `CREATE TABLE vectors AS SELECT path, embedding::FLOAT[${length}] AS embedding FROM '${files}' WHERE error IS NULL`,
  );
  return {
    paths: async () => (await all("SELECT path FROM vectors ORDER BY path")).map(({ path }) => path),
    /** The pictures that are most like one of them, without itself. */
    nearest: (path, count) =>
      all(
        `SELECT v.path, array_cosine_similarity(v.embedding, w.embedding) AS alike
         FROM vectors v, (SELECT embedding FROM vectors WHERE path = $1) w
         WHERE v.path <> $1 ORDER BY alike DESC, v.path LIMIT ${Number(count)}`,
        path,
      ),
  };
}
