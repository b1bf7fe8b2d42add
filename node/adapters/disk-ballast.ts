import { open, rm, stat } from "node:fs/promises";
import { randomFillSync } from "node:crypto";

/**
 * A file that only takes up space. On a full disk SQLite can neither delete nor checkpoint; giving the ballast up
 * lets it finish what it has. Random bytes, fsynced: a sparse or compressed file would hold nothing back.
 */
const CHUNK_BYTES = 1024 * 1024;

export async function layBallast(path: string, bytes: number): Promise<void> {
  const present = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  if (present === bytes) return;
  const file = await open(path, "w");
  try {
    for (let written = 0; written < bytes; written += CHUNK_BYTES) {
      await file.write(randomFillSync(new Uint8Array(Math.min(CHUNK_BYTES, bytes - written))));
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}

export async function dropBallast(path: string): Promise<void> {
  await rm(path, { force: true });
}
