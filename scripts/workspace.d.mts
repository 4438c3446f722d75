export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  show?: boolean;
  stdin?: boolean;
  timeout?: number;
  onOutput?: (text: string) => void;
}

export declare const root: string;
export declare function localBin(packageName: string, command?: string): string;
export declare function run(
  command: string,
  args: string[],
  options?: RunOptions,
): Promise<{ code: number; output: string; stdout: string }>;
/** Parses a JSON file. The caller knows what is in it. */
export declare function readJson(path: string): unknown;
