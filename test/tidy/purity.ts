/**
 * Words that must not occur in node/core: time, chance, waiting, the outside. The compiler refuses what its library does
 * not declare, the linter refuses what the language itself brings (Date, Math.random); this scan is the third fence, and
 * the only one that does not depend on the settings of another tool. Comments and strings do not count.
 */
import { lineAt, splitCode } from "./code-text.ts";
import { importsOf, targetOf } from "./imports.ts";
import type { SourceFile } from "./source-tree.ts";

const CORE = "node/core/";
/** Never the name of a thing of our own: refused wherever it is not a property of something else. */
const GLOBALS =
  /(?<![.\w$#])(Date|setTimeout|setInterval|setImmediate|clearTimeout|clearInterval|clearImmediate|queueMicrotask|AbortSignal|Buffer|WeakRef|FinalizationRegistry|SharedArrayBuffer|Atomics|Intl|globalThis|eval)\b/g;
/** Words with another use: refused where something is read from them or they are called. */
const OBJECTS =
  /(?<![.\w$#])(?:process|performance|crypto|console|navigator)\s*(?:\?\.|\.|\[)|(?<![.\w$#])fetch\s*\(\s*[^)\s]/g;
const CHANCE = /\bMath\s*(?:\?\.|\.)\s*random\b|\bMath\s*\[|=\s*Math\b(?!\s*\.)/g;
const LOCALE = /\.\s*(?:localeCompare|toLocale\w+)\b/g;

/** One line for each violation, beginning with `file:line:`. */
export function impurities(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => file.path.startsWith(CORE))
    .flatMap((file) => [...words(file), ...outside(file)]);
}

function words(file: SourceFile): string[] {
  const { bare } = splitCode(file.text);
  return [GLOBALS, OBJECTS, CHANCE, LOCALE].flatMap((pattern) =>
    [...bare.matchAll(pattern)].map(
      (match) =>
        `${file.path}:${lineAt(bare, match.index)}: ${match[0].trim()} is not for the core; use a port`,
    ),
  );
}

function outside(file: SourceFile): string[] {
  return importsOf(file).flatMap(({ specifier, line }) => {
    const target = specifier === undefined ? undefined : targetOf(file, specifier);
    if (target?.startsWith(CORE)) return [];
    return [`${file.path}:${line}: imports ${specifier ?? "something computed"}, which is not in the core`];
  });
}
