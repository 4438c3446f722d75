export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  show?: boolean;
  stdin?: boolean;
  timeout?: number;
}

export declare const root: string;
export declare function localBin(packageName: string, command?: string): string;
export declare function run(
  command: string,
  args: string[],
  options?: RunOptions,
): Promise<{ code: number; output: string; stdout: string }>;
