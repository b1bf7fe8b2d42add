/**
 * House rules for everything that is text: documents point at things that exist, code and documents tell of the same
 * metrics and variables, and nothing in the tree depends on the machine it was written on.
 */
import { posix } from "node:path";

import { lineAt, splitCode } from "./code-text.ts";
import type { SourceFile } from "./source-tree.ts";

/** Every metric of nodes and operator is in docs/METRICS.md, and the other way round. */
export function undocumentedMetrics(files: readonly SourceFile[]): string[] {
  const named = (wanted: (path: string) => boolean): Set<string> =>
    namesIn(
      files.filter(({ path }) => wanted(path)),
      /\bdynamo_[a-z0-9_]+\b/g,
    );
  const inCode = named((path) =>
    /^(?:node\/adapters\/prometheus-[\w-]+|operator\/controller\/health-server)\.ts$/.test(path),
  );
  const inDocument = named((path) => path === "docs/METRICS.md");
  if (inCode.size === 0) return ["no metric found in node/adapters/prometheus-*.ts"];
  const series = /_(?:bucket|sum|count)$/;
  return [
    ...difference(inCode, inDocument).map((name) => `${name} is missing in docs/METRICS.md`),
    ...difference(inDocument, inCode)
      .filter((name) => !inCode.has(name.replace(series, "")))
      .map((name) => `${name} is in docs/METRICS.md, but nothing has it`),
  ];
}

/** Every variable a node reads is explained in a document, and no document invents one. */
export function undocumentedVariables(files: readonly SourceFile[]): string[] {
  const variable = /\bDYNAMO_[A-Z0-9_]*[A-Z0-9]\b/g;
  const inCode = namesIn(
    files.filter(({ path }) => /^(?:node\/(?:config|contract)|client)\/.*\.ts$/.test(path)),
    variable,
  );
  const everywhere = namesIn(
    files.filter(({ path }) => !path.endsWith(".md")),
    variable,
  );
  const documents = files.filter(({ path }) => path === "README.md" || /^docs\/[^/]+\.md$/.test(path));
  const inDocuments = namesIn(documents, variable);
  if (inCode.size === 0) return ["no variable found in node/config, node/contract and client"];
  return [
    ...difference(inCode, inDocuments).map(
      (name) => `${name} is explained neither in README.md nor in docs/*.md`,
    ),
    ...difference(inDocuments, everywhere).map((name) => `${name} is in the documents, but nothing reads it`),
  ];
}

/** Links of Markdown files to files and headings of the project. Links to the web are not followed. */
export function danglingLinks(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const folders = new Set(files.flatMap(({ path }) => ancestors(path)));
  const links = /(?<!!)\[[^\]\n]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|!\[[^\]\n]*\]\(([^)\s]+)\)/g;
  return files
    .filter(({ path }) => path.endsWith(".md"))
    .flatMap((file) =>
      [...withoutCode(file.text).matchAll(links)].flatMap((match) => {
        const link = match[1] ?? match[2] ?? "";
        if (/^[a-z][a-z+.-]*:/i.test(link)) return [];
        const [name = "", heading] = link.split("#");
        const target =
          name === "" ? file.path : posix.join(posix.dirname(file.path), decodeURI(name)).replace(/\/$/, "");
        const at = `${file.path}:${lineAt(file.text, match.index)}: ${link}`;
        const found = byPath.get(target);
        if (found === undefined) return folders.has(target) ? [] : [`${at}: there is no ${target}`];
        if (heading === undefined || !target.endsWith(".md") || headings(found.text).has(heading)) return [];
        return [`${at}: ${target} has no such heading`];
      }),
    );
}

/** A person's or a build machine's directories, and package registries: the tree must build anywhere. */
export function machineTraces(files: readonly SourceFile[]): string[] {
  const traces =
    /(?<![\w.~-])\/(?:work|home|Users|root|mnt)\/[\w.-]+|[A-Z]:\\Users\\|https?:\/\/(?:registry|npm|artifactory|nexus|goproxy|proxy)\b[\w.:-]*|"resolved"\s*:/g;
  return files.flatMap((file) =>
    [...file.text.matchAll(traces)].map(
      (match) => `${file.path}:${lineAt(file.text, match.index)}: ${match[0]} ties the tree to a machine`,
    ),
  );
}

function namesIn(files: readonly SourceFile[], pattern: RegExp): Set<string> {
  return new Set(
    files.flatMap(({ path, text }) => {
      const visible = path.endsWith(".ts") ? splitCode(text).withStrings : text;
      return [...visible.matchAll(pattern)].map((match) => match[0]);
    }),
  );
}

function difference(left: ReadonlySet<string>, right: ReadonlySet<string>): string[] {
  return [...left].filter((name) => !right.has(name)).toSorted();
}

function ancestors(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return ["", ...parts.map((_, index) => parts.slice(0, index + 1).join("/"))].map((folder) => folder || ".");
}

/** Blanks fenced and inline code, keeping every index where it was. */
function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^(```|~~~)[\s\S]*?^\1|`[^`\n]+`/gm, (code) => code.replaceAll(/[^\n]/g, " "));
}

/** The anchors that GitHub makes of headings; of equal ones, those with -1, -2 … as well. */
function headings(markdown: string): Set<string> {
  const fenced = markdown.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, "");
  const anchors = new Set<string>();
  for (const match of fenced.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const base = (match[1] ?? "")
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let anchor = base;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}
