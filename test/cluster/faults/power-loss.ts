import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { LocalNode } from "../../../client/local/local-layout.ts";
import { compiledShim } from "./preloaded-library.ts";

/**
 * The nodes' disks as a power loss leaves them: power-loss.c keeps a shadow of what was synced, and `lose` puts it in
 * the place of the data directories. Needs Linux and a C compiler (`cc`).
 */
type Disk = Pick<LocalNode, "dataDirectory">;

export class VolatileDisks {
  readonly #nodes: readonly Disk[];
  readonly #directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-power-"));
  readonly #library = path.join(this.#directory, "power-loss.so");
  readonly #shadow = path.join(this.#directory, "durable");
  readonly #root: string;

  /** @param root the nodes' directories are below it */
  constructor(root: string, nodes: readonly Disk[]) {
    this.#root = realpathSync(root);
    this.#nodes = nodes;
    for (const node of nodes) mkdirSync(this.#shadowOf(node), { recursive: true });
  }

  /** Compiles the library. Throws where there is no compiler. */
  prepare(): void {
    compiledShim("power-loss", this.#directory);
  }

  /** For the processes whose syncs are to be recorded. `forget`: ends of names of files whose syncs are not. */
  environment({ forget = "" } = {}): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      POWER_LOSS_ROOT: this.#root,
      POWER_LOSS_SHADOW: this.#shadow,
      POWER_LOSS_FORGET: forget,
      // Syncs through io_uring would pass the library by.
      UV_USE_IO_URING: "0",
    };
  }

  /** These nodes must be dead. Renames whose folder was not synced are undone. */
  lose(nodes: readonly Disk[] = this.#nodes): void {
    for (const node of nodes) {
      const shadow = this.#shadowOf(node);
      for (const name of readdirSync(shadow)) {
        if (name.endsWith(".renamed")) rmSync(path.join(shadow, name));
      }
      rmSync(node.dataDirectory, { recursive: true, force: true });
      cpSync(shadow, node.dataDirectory, { recursive: true });
    }
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #shadowOf(node: Disk): string {
    return path.join(this.#shadow, path.relative(this.#root, realRoot(node.dataDirectory)));
  }
}

/** As realpath, of a path whose end need not exist yet. */
function realRoot(directory: string): string {
  if (existsSync(directory)) return realpathSync(directory);
  return path.join(realRoot(path.dirname(directory)), path.basename(directory));
}
