/** Of a file, by the ending of its name. */
export declare function contentTypeOf(path: string): string;
