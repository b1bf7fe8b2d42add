import { expect } from "chai";

import { projectFiles, type SourceFile } from "./source-tree.ts";
import { danglingLinks, machineTraces, undocumentedMetrics, undocumentedVariables } from "./text-rules.ts";

describe("tidy: text", () => {
  const files = projectFiles();
  const paths = files.map(({ path }) => path);

  it("the project's documents, settings and lockfile are seen", () => {
    const known = ["README.md", "package.json", "package-lock.json", "Makefile", ".ci/run"];
    expect(known.filter((path) => !paths.includes(path))).to.deep.equal([]);
    expect(paths.filter((path) => path.startsWith("docs/")).length).to.be.greaterThan(3);
  });

  it("every metric is documented, and every documented metric exists", () => {
    expect(undocumentedMetrics(files)).to.deep.equal([]);
  });

  it("every environment variable is documented, and every documented one is read", () => {
    expect(undocumentedVariables(files)).to.deep.equal([]);
  });

  it("links of documents lead to files and headings that exist", () => {
    expect(danglingLinks(files)).to.deep.equal([]);
  });

  it("no file names a directory of somebody's machine or a registry", () => {
    expect(machineTraces(files)).to.deep.equal([]);
  });

  it("refuses a metric that only the code or only the document knows", () => {
    const code = file(
      "node/adapters/prometheus-observer.ts",
      `const a = "dynamo_a_total", b = "dynamo_b_seconds";`,
    );
    expect(
      undocumentedMetrics([code, file("docs/METRICS.md", "`dynamo_b_seconds_bucket` `dynamo_c_total`")]),
    ).to.deep.equal([
      "dynamo_a_total is missing in docs/METRICS.md",
      "dynamo_b_seconds is missing in docs/METRICS.md",
      "dynamo_c_total is in docs/METRICS.md, but nothing has it",
    ]);
    expect(undocumentedMetrics([])).to.have.lengthOf(1);
  });

  it("refuses a variable that only the code or only the document knows", () => {
    const code = file("node/config/env.ts", `// DYNAMO_OLD is gone\nread("DYNAMO_A"); read("DYNAMO_B");`);
    expect(undocumentedVariables([code, file("docs/OPERATIONS.md", "DYNAMO_B, DYNAMO_OLD")])).to.deep.equal([
      "DYNAMO_A is explained neither in README.md nor in docs/*.md",
      "DYNAMO_OLD is in the documents, but nothing reads it",
    ]);
    expect(undocumentedVariables([])).to.have.lengthOf(1);
  });

  it("refuses a link to a missing file or heading, and no other", () => {
    const other = file("docs/API.md", "# Put, and get\n## `GET /v1/ring`\n## Twice\n## Twice\n");
    const good =
      "[a](docs/API.md) [b](docs/API.md#put-and-get) [c](docs/API.md#get-v1ring) [d](docs/) [e](#top)";
    const more =
      "[f](docs/API.md#twice-1) [g](https://example.org/none) `[h](none.md)`\n```\n[i](none.md)\n```\n";
    expect(danglingLinks([file("README.md", `# Top\n${good}\n${more}`), other])).to.deep.equal([]);
    const bad = file("docs/a.md", "[a](none.md)\n\n[b](API.md#none) ![c](d.png) [e](../)");
    expect(danglingLinks([bad, other])).to.deep.equal([
      "docs/a.md:1: none.md: there is no docs/none.md",
      "docs/a.md:3: API.md#none: docs/API.md has no such heading",
      "docs/a.md:3: d.png: there is no docs/d.png",
    ]);
  });

  it("refuses directories of machines and registries, and no other path", () => {
    const traces = ["work/main/a", "home/ada/a", "Users/ada/a", "root/.npmrc"].map((path) => `see /${path}`);
    const hosts = [["https:/", "registry.example.org/a"].join("/"), JSON.stringify({ resolved: "a" })];
    for (const text of [...traces, ...hosts])
      expect(machineTraces([file("a.md", text)]), text).to.have.lengthOf(1);
    const fine = "/var/lib/dynamokv /tmp/a docs/work/a ./home/a https://github.com/a /etc/dynamokv";
    expect(machineTraces([file("a.md", fine)])).to.deep.equal([]);
  });
});

function file(path: string, text: string): SourceFile {
  return { path, text };
}
