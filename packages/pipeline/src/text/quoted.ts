/** Text from outside, such as a file's name or a server's answer, inside a message. */

/** The text in quotes. Control characters are escaped; of a text with more than 80 characters the first 77 are shown. */
export const quoted = (text: string): string =>
  `'${JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text).slice(1, -1)}'`;
