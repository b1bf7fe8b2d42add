/**
 * The core is pure, and three fences keep it so: the compiler, the linter and a scan. Each is shown to stand by planting
 * violations into a copy of node/core and watching it refuse exactly the planted files. The copy sees the real
 * node_modules, so that an import of a package is refused by the settings and not for want of the package.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { expect } from "chai";

import { impurities } from "./purity.ts";
import { projectRoot, type SourceFile, typescriptFiles } from "./source-tree.ts";

const PLANTS = {
  "timer.ts": `export const planted = setTimeout(() => 1, 1);`,
  "buffer.ts": `export const planted = Buffer.alloc(1);`,
  "built-in.ts": `import { readFileSync } from "node:fs";\nexport const planted = readFileSync("/etc/hosts");`,
  "package.ts": `import Database from "better-sqlite3";\nexport const planted = new Database("x");`,
  "adapter.ts": `import { outside } from "../adapters/outside.ts";\nexport const planted = outside;`,
  "environment.ts": `export const planted = process.env["HOME"];`,
  "uuid.ts": `export const planted = crypto.randomUUID();`,
  "console.ts": `console.log("planted");`,
  "now.ts": `export const planted = Date.now();`,
  "new-date.ts": `export const planted = new Date();`,
  "chance.ts": `export const planted = Math.random();`,
  "chance-by-name.ts": `export const { random } = Math;`,
  "weak.ts": `export const planted = new WeakRef({});`,
  "locale.ts": `export const planted = "a".localeCompare("b");`,
} as const;
type Plant = keyof typeof PLANTS;

/** The language itself brings these, so the compiler has nothing to say about them: the linter and the scan do. */
const OF_THE_LANGUAGE: readonly Plant[] = [
  "now.ts",
  "new-date.ts",
  "chance.ts",
  "chance-by-name.ts",
  "weak.ts",
  "locale.ts",
];
const ALL = Object.keys(PLANTS) as Plant[];

describe("tidy: the core is pure", function () {
  this.timeout(60_000);
  const root = projectRoot();
  let copy: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), "dynamokv-purity-"));
    cpSync(join(root, "node/core"), join(copy, "node/core"), { recursive: true });
    for (const file of ["package.json", "tsconfig.base.json", ".oxlintrc.json"])
      cpSync(join(root, file), join(copy, file));
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    write("node/adapters/outside.ts", "export const outside: number = 1;\n");
  });

  afterEach(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  it("holds nothing impure", () => {
    const core = typescriptFiles().filter((file) => file.path.startsWith("node/core/"));
    expect(core.length).to.be.greaterThan(20);
    expect(impurities(core)).to.deep.equal([]);
  });

  it("the compiler refuses what is not of the language, and names the file", () => {
    expect(compile(), "the copy compiles before anything is planted").to.deep.include({
      status: 0,
      output: "",
    });
    const refusable = ALL.filter((plant) => !OF_THE_LANGUAGE.includes(plant));
    for (const plant of refusable) write(`node/core/${plant}`, PLANTS[plant]);
    const { status, output } = compile();
    expect(status).to.not.equal(0);
    expect(filesNamed(output, /^node\/core\/([\w.-]+)\(\d+,\d+\): error TS/gm)).to.deep.equal(
      refusable.toSorted(),
    );
  });

  it("the linter refuses every planted file, and names it", () => {
    expect(lint(), "the copy is clean before anything is planted").to.include({ status: 0 });
    for (const plant of ALL) write(`node/core/${plant}`, PLANTS[plant]);
    const { status, output } = lint();
    expect(status).to.not.equal(0);
    const refused = /^node\/core\/([\w.-]+):\d+:\d+: .*no-restricted-(?:globals|properties|imports)/gm;
    expect(filesNamed(output, refused)).to.deep.equal(ALL.toSorted());
  });

  it("the scan refuses every planted file, and names it", () => {
    const planted: SourceFile[] = ALL.map((plant) => ({ path: `node/core/${plant}`, text: PLANTS[plant] }));
    expect(filesNamed(impurities(planted).join("\n"), /^node\/core\/([\w.-]+):\d+: /gm)).to.deep.equal(
      ALL.toSorted(),
    );
  });

  it("the scan lets the same words pass in comments, strings and property names", () => {
    const text = `// Date.now()\nexport const a = { text: "Math.random()", process: 1 };\nexport const b = a.process;\n`;
    expect(impurities([{ path: "node/core/ring/words.ts", text }])).to.deep.equal([]);
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), `${text}\n`);
  }

  function compile(): { status: number | null; output: string } {
    return run("tsc", ["-p", "node/core", "--noEmit", "--pretty", "false"]);
  }

  function lint(): { status: number | null; output: string } {
    return run("oxlint", ["--deny-warnings", "--format=unix", "node/core"]);
  }

  function run(tool: string, options: readonly string[]): { status: number | null; output: string } {
    const done = spawnSync(join(root, "node_modules/.bin", tool), options, { cwd: copy, encoding: "utf8" });
    if (done.error !== undefined) throw done.error;
    return { status: done.status, output: done.stdout + done.stderr };
  }
});

function filesNamed(output: string, pattern: RegExp): string[] {
  return [...new Set([...output.matchAll(pattern)].map((match) => match[1] ?? ""))].toSorted();
}
