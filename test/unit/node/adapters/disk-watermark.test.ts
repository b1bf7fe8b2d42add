import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { DiskWatermark } from "../../../../node/adapters/disk-watermark.ts";
import { expect } from "chai";
import { join } from "node:path";
import { tmpdir } from "node:os";

describe("DiskWatermark", () => {
  let dir: string;
  let ballastPath: string;
  let free: number;
  let nowMs: number;
  let next: (() => void) | undefined;
  let changes: string[];
  let looks: number;
  let watermark: DiskWatermark;
  let scheduled: () => Promise<void>;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "dynamokv-watermark-"));
    ballastPath = join(dir, "ballast");
    free = 1_000_000;
    nowMs = 0;
    next = undefined;
    changes = [];
    looks = 0;
    let onSchedule = (): void => undefined;
    scheduled = () => new Promise((resolve) => (onSchedule = resolve));
    watermark = new DiskWatermark({
      dataDir: dir,
      ballastPath,
      ballastBytes: 50_000,
      freeBytesMin: 100_000,
      clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
      timers: {
        after: (_delayMs, run) => {
          next = run;
          onSchedule();
          return () => (next = undefined);
        },
        soon: (run) => run(),
      },
      onChange: (mode, reason) => changes.push(`${mode}: ${reason}`),
      onLook: async () => void (looks += 1),
      measureFreeBytes: async () => free,
    });
  });

  afterEach(() => {
    watermark.stop();
    rmSync(dir, { recursive: true });
  });

  /** A second passes: one look, to its end. */
  async function look(): Promise<void> {
    nowMs += 1_000;
    const ended = scheduled();
    next!();
    await ended;
  }

  it("lays the ballast and takes writes while there is room", async () => {
    await watermark.start();
    expect([watermark.mode, statSync(ballastPath).size, changes.length]).to.deep.equal([
      "read_write",
      50_000,
      0,
    ]);
    expect(statSync(ballastPath).blocks * 512, "not sparse").to.be.at.least(50_000);
  });

  it("turns read-only below the watermark, gives the ballast up and says what to do", async () => {
    await watermark.start();
    free = 99_999;
    await look();
    expect(watermark.mode).to.equal("read_only");
    expect(existsSync(ballastPath)).to.equal(false);
    expect(changes).to.have.length(1);
    expect(changes[0]).to.include("99999 bytes are free").and.include("enlarge the volume").and.include(dir);
  });

  it("is read-only from the start on a full volume", async () => {
    free = 10;
    await watermark.start();
    expect([watermark.mode, existsSync(ballastPath)]).to.deep.equal(["read_only", false]);
  });

  it("comes back only with a quarter more than the watermark and room for the ballast", async () => {
    free = 10;
    await watermark.start();
    free = 174_999;
    await look();
    expect(watermark.mode).to.equal("read_only");
    free = 175_000;
    await look();
    expect([watermark.mode, existsSync(ballastPath)]).to.deep.equal(["read_write", true]);
  });

  it("turns read-only at once when a commit finds no space, and stays so for ten seconds", async () => {
    await watermark.start();
    watermark.reportFull("data.db: database or disk is full");
    expect(watermark.mode).to.equal("read_only");
    for (let second = 1; second < 10; second++) await look();
    expect(watermark.mode).to.equal("read_only");
    await look();
    expect(watermark.mode).to.equal("read_write");
    expect(looks).to.equal(11);
  });
});
