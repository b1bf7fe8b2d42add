import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import type { AcknowledgementStore } from "../core/ports/acknowledgement-store.ts";

/**
 * acknowledgements.json in the data directory. Written beside and renamed, so that nobody reads half a file; not
 * fsynced, since an older one does no harm.
 */
export class FileAcknowledgementStore implements AcknowledgementStore {
  readonly #path: string;

  /** `path` in an existing folder; beside it `<path>.new` is written. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined also where the file cannot be read: it is no reason not to start. */
  load(): Uint8Array | undefined {
    try {
      return new Uint8Array(readFileSync(this.#path));
    } catch {
      return undefined;
    }
  }

  async save(bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.new`;
    try {
      await writeFile(temporary, bytes, { mode: 0o600 });
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
