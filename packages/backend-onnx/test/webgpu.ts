/** WebGPU without a GPU: Vulkan on SwiftShader, which is part of Debian's Chromium. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const places = ["/usr/lib/chromium/vk_swiftshader_icd.json", "/usr/lib/chromium-browser/vk_swiftshader_icd.json"];

/** Whether Vulkan and a driver exist. Chooses the software driver unless the environment already names one. */
export function useSoftwareVulkan(): boolean {
  if (!hasVulkanLoader()) return false;
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return true;
  const driver = places.find((path) => existsSync(path));
  if (driver) process.env.VK_ICD_FILENAMES = driver;
  return driver !== undefined;
}

function hasVulkanLoader(): boolean {
  try {
    return execFileSync("ldconfig", ["-p"], { encoding: "utf8" }).includes("libvulkan.so.1");
  } catch {
    return false;
  }
}
