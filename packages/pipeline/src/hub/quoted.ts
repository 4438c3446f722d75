/** Text of strangers as a message may print it: control characters escaped, long text shortened. */
export const quoted = (text: string): string =>
  `'${JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text).slice(1, -1)}'`;
