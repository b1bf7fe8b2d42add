import { expect } from "chai";

import { isCompositionRoot, MATRIX, type Zone } from "./dependency-matrix.ts";
import { type Import, importsOf, packageOf, targetOf } from "./imports.ts";
import { type SourceFile, typescriptFiles } from "./source-tree.ts";

/** Why an import is refused; undefined where it is allowed. */
function refusal(file: SourceFile, wanted: Import): string | undefined {
  const home = zoneOf(file.path);
  if (home === undefined) return "the file is in no zone of test/tidy/dependency-matrix.ts";
  const zone = MATRIX[home] as Zone;
  if (wanted.specifier === undefined) {
    return zone.loads === undefined ? "imports something computed at run time" : undefined;
  }
  const target = targetOf(file, wanted.specifier);
  if (target === undefined) {
    const name = packageOf(wanted.specifier);
    const packages = zone.packages ?? [];
    if (packages.includes(name) || (name.startsWith("node:") && packages.includes("node:*")))
      return undefined;
    return `${home} may not import the package ${name}`;
  }
  if (isCompositionRoot(target)) return `nobody imports a composition root (${target})`;
  if (zoneOf(target) === home) return undefined;
  if (target.startsWith("test/")) return `nobody but the tests imports ${target}`;
  if (within(target, zone.may)) return undefined;
  if (!within(target, zone.types ?? [])) return `${home} may not import ${target}`;
  return wanted.typeOnly ? undefined : `${home} may import only types from ${target}: write \`import type\``;
}

function zoneOf(path: string): string | undefined {
  return Object.keys(MATRIX)
    .filter((zone) => within(path, [zone]))
    .toSorted((left, right) => right.length - left.length)[0];
}

function within(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

function refusals(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const found = importsOf(file).map((wanted) => ({ wanted, reason: refusal(file, wanted) }));
    const homeless = zoneOf(file.path) === undefined ? [`${file.path}: is in no zone of the matrix`] : [];
    return [
      ...homeless,
      ...found.flatMap(({ wanted, reason }) =>
        reason === undefined ? [] : [`${file.path}:${wanted.line}: ${reason}`],
      ),
    ];
  });
}

describe("tidy: dependencies", () => {
  const files = typescriptFiles();

  it("every import is one the matrix allows", () => {
    expect(files.length).to.be.greaterThan(50);
    expect(files.flatMap(importsOf).length).to.be.greaterThan(100);
    expect(refusals(files)).to.deep.equal([]);
  });

  it("every zone of the core, and every right in the matrix, names something that exists", () => {
    const paths = files.map((file) => file.path);
    const rights = Object.values(MATRIX).flatMap((zone) => [...zone.may, ...(zone.types ?? [])]);
    const named = [...Object.keys(MATRIX), ...rights].filter((name) => !name.startsWith("operator"));
    const dangling = new Set(named.filter((name) => !paths.some((path) => within(path, [name]))));
    expect([...dangling]).to.deep.equal([]);
  });

  const planted: readonly (readonly [path: string, text: string, reason: RegExp])[] = [
    [
      "node/core/ring/claim.ts",
      `import { readFileSync } from "node:fs";`,
      /may not import the package node:fs/,
    ],
    ["node/core/ring/claim.ts", `import * as sql from "better-sqlite3";`, /package better-sqlite3/],
    [
      "node/core/ring/claim.ts",
      `import {\n  a,\n} from "../../adapters/a.ts";`,
      /:1: .*node\/adapters\/a.ts/,
    ],
    [
      "node/core/ring/claim.ts",
      `export * from "../coordinator/put.ts";`,
      /may not import node\/core\/coordinator/,
    ],
    ["node/core/ring/claim.ts", `import { systemClock } from "../ports/clock.ts";`, /only types/],
    ["node/core/ring/claim.ts", `type A = import("../../http/a.ts").A;`, /may not import node\/http\/a.ts/],
    ["node/core/ring/claim.ts", `const a = await import(name);`, /computed at run time/],
    ["node/core/quorum/tally.ts", `import "../ring/ring.ts";`, /may not import node\/core\/ring\/ring.ts/],
    ["node/http/kv.ts", `import { main } from "../main.ts";`, /composition root/],
    ["node/http/kv.ts", `import { tree } from "../../test/tidy/source-tree.ts";`, /nobody but the tests/],
    [
      "client/client.ts",
      `import type { Ring } from "../node/core/ring/ring.ts";`,
      /may not import node\/core/,
    ],
    ["operator/plan/next.ts", `import { now } from "../kube/clock.ts";`, /may not import operator\/kube/],
    ["lib/new.ts", `export const a = 1;`, /no zone/],
  ];
  for (const [path, text, reason] of planted) {
    it(`refuses ${JSON.stringify(text)} in ${path}`, () => {
      expect(refusals([{ path, text }]).join("\n")).to.match(reason);
    });
  }

  it("allows an import of a type where only types are allowed, and a word in a comment or string", () => {
    const text = [
      `import type { Clock } from "../ports/clock.ts";`,
      `import { type Hash } from "../ports/hash.ts";`,
      `// import { a } from "node:fs"`,
      'const b = `import("node:fs")`;'.replace("import", "an import of"),
    ].join("\n");
    expect(refusals([{ path: "node/core/ring/claim.ts", text }])).to.deep.equal([]);
  });
});
