export declare function metadataProblems(manifest: object, folder: string): string[];
export declare function sourceMapProblem(text: string): string | undefined;
