/** `ppt-vit doctor` and its options. */
import { type Command, Option } from "commander";
import { type Device, devices, doctorCommand, probeCommand } from "./doctor.js";

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("check this machine: which devices work and compute correctly, and which to use")
    .option("--json", "print one JSON document on stdout", false)
    .addOption(new Option("--probe <device>", "check one device in this process").choices(devices).hideHelp())
    .action(async ({ json, probe }: { json: boolean; probe?: Device }) =>
      probe ? probeCommand(probe) : doctorCommand({ json }),
    );
}
