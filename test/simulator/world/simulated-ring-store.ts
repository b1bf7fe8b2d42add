import type { RingStore } from "../../../node/core/ports/ring-store.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Incarnation } from "./incarnation.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

/** The ring document's file: written beside the old one, synced, renamed. */
export class SimulatedRingStore implements RingStore {
  readonly #disk: SimulatedDisk;
  readonly #loop: EventLoop;
  readonly #owner: Incarnation;
  readonly #random: SeededRandom;

  constructor(disk: SimulatedDisk, loop: EventLoop, owner: Incarnation, random: SeededRandom) {
    this.#disk = disk;
    this.#loop = loop;
    this.#owner = owner;
    this.#random = random;
  }

  load(): Uint8Array | undefined {
    return this.#disk.ring?.slice();
  }

  save(bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    this.#disk.ringSaving = copy;
    return new Promise((resolve) => {
      const saved = (): void => {
        this.#disk.ring = copy;
        if (this.#disk.ringSaving === copy) this.#disk.ringSaving = undefined;
        resolve();
      };
      this.#loop.after(this.#random.skewed(0.2, 20), saved, this.#owner);
    });
  }
}
