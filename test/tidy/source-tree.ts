/**
 * What the tidy tests look at: the files of the project as they lie on disk, without what .gitignore leaves out.
 * They are read from disk and not from git, so that a tree without a .git directory is checked the same way.
 * A file that exists only for a test of these tests can be given in place of the real ones: every rule is a function
 * of `SourceFile[]`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface SourceFile {
  /** Relative to the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What the root .gitignore names, and git's own directory, or the file that stands for it in a linked work tree. */
const LEFT_OUT = new Set(["node_modules", "dist", ".local", ".git"]);
const TYPESCRIPT_FOLDERS = ["node", "client", "operator", "bench", "test"] as const;

/** The directory that holds package.json, whether this file runs from the sources or from dist/. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`);
    folder = parent;
  }
  return folder;
}

/** Every text file of the project; binary files (a NUL byte in them) are left out. */
export function projectFiles(wanted: (path: string) => boolean = () => true): SourceFile[] {
  const root = projectRoot();
  return pathsUnder(root, "")
    .filter(wanted)
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
    .filter((file) => !file.text.includes("\0"));
}

/** The project's own TypeScript, ambient declarations included. */
export function typescriptFiles(): SourceFile[] {
  return projectFiles(
    (path) => path.endsWith(".ts") && TYPESCRIPT_FOLDERS.some((folder) => path.startsWith(`${folder}/`)),
  );
}

function pathsUnder(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (LEFT_OUT.has(entry.name)) return [];
    if (entry.isDirectory()) return pathsUnder(root, path);
    return entry.isFile() && !entry.name.endsWith(".tsbuildinfo") ? [path] : [];
  });
}
