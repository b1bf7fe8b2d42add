import { spawnSync } from "node:child_process";
import { readRegression, writeRegression } from "../regression.ts";
import { buildMutant } from "./mutated-build.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

/** Shrinks a seed that a planted bug makes fail, in a program with that bug. Returns its exit status. */
export async function shrinkMutant(name: string, seed: number, out: string | undefined): Promise<number> {
  const bug = PLANTED_BUGS.find((each) => each.name === name);
  if (bug === undefined) {
    process.stderr.write(`no planted bug is named ${name}\n`);
    return 2;
  }
  const build = await buildMutant(bug);
  try {
    const args = [build.main, "--shrink", String(seed), ...(out === undefined ? [] : ["--out", out])];
    const status = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
    if (status === 0 && out !== undefined) writeRegression(out, { ...readRegression(out), plantedBug: name });
    return status;
  } finally {
    build.remove();
  }
}
