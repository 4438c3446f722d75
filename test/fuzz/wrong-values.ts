/** Values of every kind that JavaScript has, by name. */

const revoked = Proxy.revocable({}, {});
revoked.revoke();
const refuse = () => {
  throw new TypeError("no");
};

/** The names let a target say which values it accepts. */
export const values = {
  null: null,
  true: true,
  false: false,
  zero: 0,
  "minus one": -1,
  "one and a half": 1.5,
  one: 1,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "a huge number": 1e308,
  "a bigint": 10n,
  "no text": "",
  "a text": "nonsense",
  "a long text": "x".repeat(1e6),
  "a text with NUL": "a\0b",
  "a symbol": Symbol("wrong"),
  "a function": () => 1,
  "a list": [1, "a"],
  "an empty list": [],
  "an object": { a: 1 },
  "an object without a prototype": Object.create(null),
  "a date": new Date(0),
  "a promise": Promise.resolve(1),
  "a proxy that throws": new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse }),
  "a revoked proxy": revoked.proxy,
  bytes: new Uint8Array(3),
} satisfies Record<string, unknown>;
