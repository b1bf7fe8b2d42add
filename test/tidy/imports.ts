/**
 * Every import of a file: static, re-exported, side-effect, dynamic, `require`, and `import("…")` in types. A specifier
 * that is not a literal is an import nobody can check, so it is returned as well, as undefined.
 */
import { posix } from "node:path";

import { lineAt, splitCode } from "./code-text.ts";
import type { SourceFile } from "./source-tree.ts";

export interface Import {
  readonly line: number;
  /** As written; undefined where it is computed at run time. */
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
}

const STATIC = /^[ \t]*(import|export)\b((?:[^"';()]|\bas\b)*?)\bfrom\s*["']([^"']+)["']/gm;
const SIDE_EFFECT = /^[ \t]*import\s*["']([^"']+)["']/gm;
const CALL = /(?<![.\w$#])(import|require)\s*\(\s*(?:["']([^"']+)["'])?/g;

export function importsOf(file: SourceFile): Import[] {
  const { withStrings, bare } = splitCode(file.text);
  const found: Import[] = [];
  const add = (match: RegExpExecArray, specifier: string | undefined, typeOnly: boolean): void => {
    // The two texts have the same columns: a keyword that bare code does not show stands inside a string.
    if (bare.slice(match.index, match.index + match[0].length).trim() === "") return;
    found.push({ line: lineAt(withStrings, match.index), specifier, typeOnly });
  };
  for (const match of withStrings.matchAll(STATIC)) add(match, match[3], bringsOnlyTypes(match[2] ?? ""));
  for (const match of withStrings.matchAll(SIDE_EFFECT)) add(match, match[1], false);
  for (const match of withStrings.matchAll(CALL)) add(match, match[2], false);
  return found.toSorted((left, right) => left.line - right.line);
}

/** The path, from the project's root, that a relative specifier names; undefined for a package. */
export function targetOf(file: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(file.path), specifier) : undefined;
}

/** `node:fs/promises` → `node:fs/promises`, `@scope/name/part` → `@scope/name`, `name/part` → `name`. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function bringsOnlyTypes(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  if (names === undefined) return false;
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .every((name) => name.startsWith("type "));
}
