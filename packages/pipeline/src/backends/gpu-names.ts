/** Tells GPUs that are emulated by their names. */

/** Names of emulated GPUs: Chrome's (SwiftShader), Mesa's (llvmpipe, lavapipe, softpipe), Windows' (Basic Render). */
const softwareNames = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i;

/** Whether the GPU that reports this name is emulated on the CPU, which makes it slower than the CPU itself. */
export const isSoftwareGpu = (name: string): boolean => softwareNames.test(name);
