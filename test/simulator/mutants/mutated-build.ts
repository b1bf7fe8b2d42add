import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { applyEdit, type PlantedBug } from "./planted-bug.ts";

/** The project's root, seen from dist/test/simulator/mutants. */
export const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** A copy of core and simulator with a bug in it, compiled. */
export interface MutatedBuild {
  /** The simulator's program in it. */
  readonly main: string;
  remove(): void;
}

export async function buildMutant(bug: Pick<PlantedBug, "edits">): Promise<MutatedBuild> {
  const folder = mkdtempSync(join(tmpdir(), "dynamokv-mutant-"));
  for (const path of [
    "node/core",
    "test/simulator",
    "test/tree-commit.ts",
    "tsconfig.base.json",
    "package.json",
  ]) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  for (const edit of bug.edits) {
    const path = join(folder, edit.file);
    writeFileSync(path, applyEdit(readFileSync(path, "utf8"), edit));
  }
  const tsconfig = {
    extends: "./tsconfig.base.json",
    compilerOptions: {
      composite: false,
      lib: ["es2023"],
      types: ["node", "mocha"],
      rootDir: ".",
      outDir: "dist",
      noCheck: true,
      noEmitOnError: false,
    },
    include: ["node/core/**/*.ts", "test/simulator/**/*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", folder]);
  return {
    main: join(folder, "dist/test/simulator/main.js"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
