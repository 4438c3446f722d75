/** Reads from the logs of ONNX Runtime and of the Vulkan loader what no API in Node shows. */
import { devices, type OnnxDevice } from "@ppt-vit/backend-onnx/devices";
import { isSoftwareGpu } from "@ppt-vit/pipeline";

export interface Adapter {
  readonly name: string;
  readonly driver: string;
  /** Whether it is a software driver, which computes on the CPU. */
  readonly software: boolean;
}

export interface PlacedNode {
  readonly provider: string;
  readonly operator: string;
  readonly name: string;
}

export interface Placement {
  /** Number of nodes for each execution provider, including copies. */
  readonly nodes: Readonly<Record<string, number>>;
  /** Nodes that run on another provider than the device's own. */
  readonly elsewhere: readonly PlacedNode[];
  /** Nodes that ONNX Runtime added to copy between devices. */
  readonly copies: readonly PlacedNode[];
}

/** Environment variables that make the Vulkan loader log which device is opened. */
export const vulkanLog = { VK_LOADER_DEBUG: "all" };

/** The GPU that was opened; null if the log names none. Older Vulkan loaders, Direct3D and Metal log nothing. */
export function adapterIn(log: string): Adapter | null {
  const opened = log.match(/Using "(.+)" with driver: "(.+)"/);
  if (!opened) return null;
  const [, name, driver] = opened;
  return { name: name!, driver: driver!, software: isSoftwareGpu(name!) };
}

/** Where ONNX Runtime put the nodes; null if the log, at severity 0, does not tell. */
export function placementIn(log: string, device: OnnxDevice): Placement | null {
  const nodes: Record<string, number> = {};
  const listed: PlacedNode[] = [];
  let provider = "";
  for (const line of log.split("\n")) {
    const heading = line.match(/(?:All nodes|Node\(s\)) placed on \[(\w+)\]\. Number of nodes: (\d+)/);
    if (heading) {
      provider = heading[1]!;
      nodes[provider] = Number(heading[2]);
    }
    // The log lists single nodes only if they are on several providers.
    const node = line.match(/VerifyEachNodeIsAssignedToAnEp\w*\] +(\w+) \((.*)\)/);
    if (node) listed.push({ provider, operator: node[1]!, name: node[2]! });
  }
  if (provider === "") return null;
  const own = devices.find((one) => one.device === device)?.provider;
  const isCopy = ({ operator }: PlacedNode) => operator.startsWith("Memcpy");
  return {
    nodes,
    elsewhere: listed.filter((node) => node.provider !== own && !isCopy(node)),
    copies: listed.filter(isCopy),
  };
}
