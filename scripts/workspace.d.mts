export interface WorkspacePackage {
  dir: string;
  folder: string;
  // biome-ignore lint/suspicious/noExplicitAny: a package.json is what its author wrote
  manifest: any;
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
