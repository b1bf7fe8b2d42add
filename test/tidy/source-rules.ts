/**
 * House rules for TypeScript, each a function from files to violations (`file:line: what, and what to do`). They are
 * what a reader relies on: a file is short, its name is a concept, an export has one name and one place.
 */
import { posix } from "node:path";

import { lineAt, splitCode } from "./code-text.ts";
import { importsOf, targetOf } from "./imports.ts";
import type { SourceFile } from "./source-tree.ts";

export const FILE_LINES_MAX = 400;
const NAMELESS = /^(?:index|utils?|helpers?|common|types|misc)(?:\.|$)/;
/** A note to oneself is allowed when it names the issue that will end it. */
const NOTE = /\b(?:FIXME|XXX|TODO)\b(?!\(#\d+\):)/;
const WHY_CHARACTERS_MIN = 10;

export function tooLong(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > FILE_LINES_MAX
      ? [`${path}: ${lines} lines, at most ${FILE_LINES_MAX}; split it by concept`]
      : [];
  });
}

export function namedForNothing(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path }) =>
    path.split("/").some((part) => NAMELESS.test(part)) ? [`${path}: name the concept instead`] : [],
  );
}

export function barrelsAndDefaults(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const { bare, withStrings } = splitCode(file.text);
    const defaults = matches(
      file,
      bare,
      /(?<![.\w$])export\s+default\b|\bas\s+default\b/g,
      "export it by its name",
    );
    const rest = withStrings.replaceAll(
      /export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*["'][^"']+["'];?/g,
      "",
    );
    const barrel = /\bexport\b/.test(bare) && rest.trim() === "";
    return barrel ? [...defaults, `${file.path}: only re-exports; import from where things are`] : defaults;
  });
}

export function unownedNotes(files: readonly SourceFile[]): string[] {
  return inComments(files, (comment) =>
    NOTE.test(comment) ? "a note without an issue; write TODO(#12): … or do it" : undefined,
  );
}

/** `@ts-expect-error` and `oxlint-disable…` must say why in the same comment; the other escapes are refused. */
export function unexplainedEscapes(files: readonly SourceFile[]): string[] {
  return inComments(files, (comment) => {
    if (/^\W*@ts-(?:ignore|nocheck)\b/.test(comment))
      return "hides errors for good; use @ts-expect-error and say why";
    const expected = /^\W*@ts-expect-error\b[:\s-]*(.*)/.exec(comment);
    if (expected !== null && (expected[1] ?? "").length < WHY_CHARACTERS_MIN)
      return "say why after @ts-expect-error";
    const disabled = /^\W*(?:ox|es)lint-disable\b.*?(?:--\s*(.*))?$/m.exec(comment);
    if (disabled !== null && (disabled[1] ?? "").length < WHY_CHARACTERS_MIN)
      return "say why: … -- because …";
    return undefined;
  });
}

export function chosenOrSkippedTests(files: readonly SourceFile[]): string[] {
  const pattern =
    /\b(?:describe|context|suite|it|specify|test)\s*\.\s*(?:only|skip)\b|(?<![.\w$])x(?:it|describe)\s*\(|\bthis\s*\.\s*skip\b/g;
  return files.flatMap((file) =>
    matches(file, splitCode(file.text).bare, pattern, "every test runs, always"),
  );
}

/**
 * A test is found from its source: `test/unit/a/b.test.ts` and `test/unit/a/b.laws.test.ts` test `a/b.ts`. A test with
 * a name of its own is about how sources of one folder work together: it lies where they do and imports two or more.
 */
export function testsWithoutSource(files: readonly SourceFile[]): string[] {
  const paths = new Set(files.map((file) => file.path));
  return files.flatMap((file) => {
    const tested = /^test\/unit\/(.+)\.test\.ts$/.exec(file.path)?.[1];
    if (tested === undefined) return [];
    const sources = [`${tested}.ts`, `${tested.replace(/\.[\w-]+$/, "")}.ts`];
    if (sources.some((source) => paths.has(source))) return [];
    const together = importsOf(file).flatMap(({ specifier }) => {
      const target = specifier === undefined ? undefined : targetOf(file, specifier);
      return target !== undefined && posix.dirname(target) === posix.dirname(tested) ? [target] : [];
    });
    return together.length >= 2 ? [] : [`${file.path}: there is no ${sources[0] ?? ""}`];
  });
}

function matches(file: SourceFile, text: string, pattern: RegExp, advice: string): string[] {
  return [...text.matchAll(pattern)].map(
    (match) => `${file.path}:${lineAt(text, match.index)}: ${match[0].trim()}: ${advice}`,
  );
}

function inComments(files: readonly SourceFile[], judge: (comment: string) => string | undefined): string[] {
  return files.flatMap((file) =>
    splitCode(file.text).comments.flatMap(({ line, text }) => {
      const verdict = judge(text);
      return verdict === undefined ? [] : [`${file.path}:${line}: ${verdict}`];
    }),
  );
}
