export interface WorkspacePackage {
  dir: string;
  folder: string;
  /** The fields of its package.json that the tests look at. */
  manifest: { name: string; version: string; bin?: Record<string, string> };
}

export interface PackedPackage {
  name: string;
  version: string;
  dir: string;
  tarball: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  show?: boolean;
  stdin?: boolean;
  timeout?: number;
}

export declare const root: string;
export declare function workspacePackages(): WorkspacePackage[];
export declare function publishedPackages(): WorkspacePackage[];
export declare function localBin(packageName: string, command?: string): string;
export declare function run(
  command: string,
  args: string[],
  options?: RunOptions,
): Promise<{ code: number; output: string; stdout: string }>;
export declare function packAll(destination: string): Promise<PackedPackage[]>;
