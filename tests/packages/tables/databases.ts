/** Databases and caches, without a server to talk to. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const DATABASES: readonly PackageRow[] = [
  ["drizzle-orm@0.44.7", "m.sql`select ${1}`.queryChunks.length"],
  ["drizzle-orm@0.44.7/pg-core", "m.pgTable('a', { b: m.integer('b').primaryKey() }).b.name"],
  [
    "kysely@0.28.19",
    "new m.Kysely({ dialect: { createAdapter: () => new m.SqliteAdapter(), createDriver: () => new m.DummyDriver(), createIntrospector: (db) => new m.SqliteIntrospector(db), createQueryCompiler: () => new m.SqliteQueryCompiler() } }).selectFrom('a').select('b').where('c', '=', 1).compile().sql",
  ],
  ["knex@3.3.0", "d({ client: 'pg' })('a').where({ b: 1 }).select('c').toString()"],
  ["sequelize@6.37.8", "[typeof m.Sequelize, m.DataTypes.STRING(5).toString()]"],
  ["typeorm@0.3.31", "[typeof m.DataSource, typeof m.Entity]"],
  ["mongoose@8.24.10", "new d.Schema({ a: Number }).path('a').instance"],
  [
    "mongodb@6.22.0",
    "[new m.ObjectId('0123456789abcdef01234567').toHexString(), new m.MongoClient('mongodb://localhost').options.dbName]",
  ],
  ["bson@6.10.4", "[m.calculateObjectSize({ a: 1 }), m.deserialize(m.serialize({ a: 1 }))]"],
  ["mysql2@3.24.6", "[d.format('select ?', [\"a'\"]), typeof d.createPool]"],
  ["mysql2@3.24.6/promise", "typeof m.createPool"],
  ["pg@8.23.1", "[typeof m.Pool, d.escapeIdentifier('a\"b')]"],
  ["ioredis@5.11.1", "[typeof m.Redis, new m.Redis({ lazyConnect: true }).status]"],
  ["redis@5.12.1", "typeof m.createClient().connect"],
  ["@libsql/client@0.15.15/web", "typeof m.createClient"],
  [
    "sql.js@1.17.0",
    "await (async () => { const S = await d(); const db = new S.Database(); return db.exec('select 1 + 1 as a')[0].values; })()",
  ],
  ["@electric-sql/pglite@0.3.16", "typeof m.PGlite"],
  ["tedious@19.2.2", "[typeof m.Connection, m.TYPES.Int.name]"],
  ["level@10.0.0", "typeof m.Level"],
  [
    "keyv@5.6.0",
    "await (async () => { const k = new m.Keyv(); await k.set('a', 1); return await k.get('a'); })()",
  ],
  [
    "cache-manager@7.2.9",
    "await (async () => { const c = m.createCache(); await c.set('a', 1); return await c.get('a'); })()",
  ],
];
