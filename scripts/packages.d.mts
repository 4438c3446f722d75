export interface WorkspacePackage {
  dir: string;
  folder: string;
  /** The fields of its package.json that the tests look at. */
  manifest: {
    name: string;
    version: string;
    bin?: Record<string, string>;
    exports?: Record<string, string | { types?: string }>;
  };
}

export interface PackedPackage {
  name: string;
  version: string;
  dir: string;
  folder: string;
  tarball: string;
}

export declare function workspacePackages(): WorkspacePackage[];
export declare function publishedPackages(): WorkspacePackage[];
export declare function packAll(destination: string): Promise<PackedPackage[]>;
