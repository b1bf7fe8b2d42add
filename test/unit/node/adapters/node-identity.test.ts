import { expect } from "chai";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adoptIdentity, openNodeIdentity } from "../../../../node/adapters/node-identity.ts";
import { parseNodeId } from "../../../../node/core/node-id.ts";

describe("node identity", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "dynamokv-identity-"));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it("is made once, in a directory made with it, and stays", () => {
    const dataDir = join(directory, "a", "b");
    const first = openNodeIdentity(dataDir);
    expect(first.created).to.equal(true);
    expect(parseNodeId(first.id)).to.equal(first.id);
    expect(openNodeIdentity(dataDir)).to.deep.equal({ ...first, created: false });
    expect(readdirSync(dataDir)).to.deep.equal(["node.json"]);
  });

  it("differs from directory to directory", () => {
    expect(openNodeIdentity(join(directory, "a")).id).not.to.equal(openNodeIdentity(join(directory, "b")).id);
  });

  it("ignores fields that a later release wrote", () => {
    const document = {
      id: "11111111-1111-4111-8111-111111111111",
      createdAt: "2026-01-01T00:00:00Z",
      later: 1,
    };
    writeFileSync(join(directory, "node.json"), JSON.stringify(document));
    expect(openNodeIdentity(directory)).to.include({ id: document.id, createdAt: document.createdAt });
  });

  it("is never replaced when it cannot be understood: the error says where and what to do", () => {
    for (const [text, complaint] of [
      ["", "is not JSON"],
      ["{", "is not JSON"],
      ["null", 'must hold {"id", "createdAt"}'],
      ['{"id": 5, "createdAt": "x"}', 'must hold {"id", "createdAt"}'],
      ['{"id": "NODE-1", "createdAt": "x"}', "not a node id"],
    ] as const) {
      const path = join(directory, "node.json");
      writeFileSync(path, text);
      expect(() => openNodeIdentity(directory), text)
        .to.throw(complaint)
        .with.property("message")
        .contain(path);
      expect(readFileSync(path, "utf8")).to.equal(text);
    }
  });

  it("is another one from the next start on where an empty node takes a lost member's over", () => {
    const id = parseNodeId("22222222-2222-4222-8222-222222222222");
    expect(openNodeIdentity(directory).id).not.to.equal(id);
    adoptIdentity(directory, id);
    expect(openNodeIdentity(directory)).to.include({ id, created: false });
    expect(readdirSync(directory)).to.deep.equal(["node.json"]);
  });

  it("says so when the file cannot be read", () => {
    mkdirSync(join(directory, "node.json"));
    expect(() => openNodeIdentity(directory)).to.throw("cannot read this node's identity");
  });
});
