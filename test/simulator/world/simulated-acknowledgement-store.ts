import type { AcknowledgementStore } from "../../../node/core/ports/acknowledgement-store.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Incarnation } from "./incarnation.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

/** The file of what peers acknowledged: written beside the old one and renamed, a while after it was asked for. */
export class SimulatedAcknowledgementStore implements AcknowledgementStore {
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
    return this.#disk.acknowledgements?.slice();
  }

  save(bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    return new Promise((resolve) => {
      const saved = (): void => {
        this.#disk.acknowledgements = copy;
        resolve();
      };
      this.#loop.after(this.#random.skewed(0.2, 20), saved, this.#owner);
    });
  }
}
