import { expect } from "chai";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileRingStore, RingFileDamaged } from "../../../../node/adapters/file-ring-store.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("FileRingStore", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ring-store-"));
    path = join(folder, "ring.json");
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("has nothing before the first save", () => {
    expect(new FileRingStore(path).load()).to.equal(undefined);
  });

  it("gives back the bytes last saved, also to another process, and leaves one file", async () => {
    const store = new FileRingStore(path);
    await store.save(text("first"));
    await store.save(text("second, longer"));
    expect(new FileRingStore(path).load()).to.deep.equal(text("second, longer"));
    expect(readdirSync(folder)).to.deep.equal(["ring.json"]);
  });

  it("keeps the order of saves that run at once", async () => {
    const store = new FileRingStore(path);
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.save(text(`save ${i}`))));
    expect(store.load()).to.deep.equal(text("save 19"));
  });

  it("keeps empty bytes apart from no file", async () => {
    const store = new FileRingStore(path);
    await store.save(new Uint8Array());
    expect(store.load()).to.deep.equal(new Uint8Array());
  });

  it("reads the old bytes when a crash left a half-written new file", async () => {
    const store = new FileRingStore(path);
    await store.save(text("old"));
    writeFileSync(`${path}.new`, "dynamokv-ring 1 sha2");
    expect(new FileRingStore(path).load()).to.deep.equal(text("old"));
    await store.save(text("new"));
    expect(store.load()).to.deep.equal(text("new"));
    expect(readdirSync(folder)).to.deep.equal(["ring.json"]);
  });

  it("refuses the file with any one bit flipped and names it", async () => {
    await new FileRingStore(path).save(text("the ring"));
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [0, 5, 7]) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 1 << bit;
        writeFileSync(path, damaged);
        expect(() => new FileRingStore(path).load(), `byte ${at} bit ${bit}`).to.throw(RingFileDamaged, path);
      }
    }
  });

  it("refuses the file cut short at any length", async () => {
    await new FileRingStore(path).save(text("the ring"));
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      expect(() => new FileRingStore(path).load(), `${length} bytes`).to.throw(RingFileDamaged);
    }
  });

  it("rejects a save into a folder that is gone and can save again once it is back", async () => {
    const store = new FileRingStore(join(folder, "sub", "ring.json"));
    let failure: unknown;
    await store.save(text("lost")).catch((error: unknown) => (failure = error));
    expect(failure).to.be.an("error").with.property("code", "ENOENT");
    mkdirSync(join(folder, "sub"));
    await store.save(text("kept"));
    expect(store.load()).to.deep.equal(text("kept"));
  });
});
