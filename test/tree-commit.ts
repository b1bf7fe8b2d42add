import { spawnSync } from "node:child_process";

/** What decides how a program of this tree behaves: documents and kept results do not. */
const SOURCES = ["*.ts", "*.c", "package.json", "package-lock.json"];

/**
 * Which sources a published figure is of: the short hash of the commit, such as `a7fad9a`, and "+ changes" where sources
 * differ from it. "unknown" where `folder` is no git work tree, or git is not there.
 */
export function treeCommit(folder: string): string {
  const commit = git(folder, ["rev-parse", "--short", "HEAD"]);
  if (commit === undefined) return "unknown";
  const changed = git(folder, ["status", "--porcelain", "--", ...SOURCES]);
  return changed === "" ? commit : `${commit} + changes`;
}

function git(folder: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync("git", ["-C", folder, ...args], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
