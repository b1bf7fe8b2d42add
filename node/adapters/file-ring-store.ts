import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { RingStore } from "../core/ports/ring-store.ts";

/**
 * The ring document in a file of its own: a first line with checksum and length, then the bytes as they are.
 * Writing goes to a temporary file, which is fsynced and renamed over the old one; then the folder is fsynced, or
 * the new name might not survive a power loss. So a reader finds the old bytes or the new ones, never a mixture; a
 * file that was damaged all the same is refused rather than misread, since a node must not forget what it promised.
 */
const HEADER = /^dynamokv-ring 1 sha256=([0-9a-f]{64}) bytes=(\d{1,10})\n/;
const HEADER_BYTES_MAX = 128;

export class RingFileDamaged extends Error {
  constructor(path: string, problem: string) {
    super(
      `ring file ${path}: ${problem}. It holds this member's ring and promises. Restore it from a copy of this ` +
        `node's volume; or remove it, and the node learns the ring anew from its peers`,
    );
    this.name = "RingFileDamaged";
  }
}

export class FileRingStore implements RingStore {
  readonly #path: string;
  #lastSave: Promise<unknown> = Promise.resolve();

  /** `path` in an existing folder; beside it `<path>.new` is written. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where the file does not exist. Throws RingFileDamaged, or the file system's error. */
  load(): Uint8Array | undefined {
    let file: Buffer;
    try {
      file = readFileSync(this.#path);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
    const header = HEADER.exec(file.toString("latin1", 0, HEADER_BYTES_MAX));
    if (header === null)
      throw new RingFileDamaged(this.#path, "it does not begin with a ring file's first line");
    const bytes = file.subarray(header[0].length);
    if (bytes.length !== Number(header[2])) {
      throw new RingFileDamaged(this.#path, `it holds ${bytes.length} bytes of ${header[2]}`);
    }
    if (sha256(bytes) !== header[1])
      throw new RingFileDamaged(this.#path, "its checksum does not match its content");
    return new Uint8Array(bytes);
  }

  /** Saves run one after the other, in the order of the calls. Rejects with the file system's error. */
  save(bytes: Uint8Array): Promise<void> {
    const saved = this.#lastSave.then(() => this.#replace(bytes));
    this.#lastSave = saved.catch(() => undefined);
    return saved;
  }

  async #replace(bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.new`;
    const header = `dynamokv-ring 1 sha256=${sha256(bytes)} bytes=${bytes.length}\n`;
    try {
      await writeDurably(temporary, Buffer.concat([Buffer.from(header, "latin1"), bytes]));
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dirname(this.#path));
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
