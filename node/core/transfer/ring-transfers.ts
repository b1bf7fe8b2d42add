import type { NodeId } from "../node-id.ts";
import type { ControlMessage } from "../ports/control-calls.ts";
import type { Lack } from "../ring/change/change-progress.ts";
import { ChangeDriver, type ChangeDriverParts } from "./change-driver.ts";
import { MisplacedCopies, type MisplacedCopiesParts, type MisplacedState } from "./misplaced-copies.ts";
import { Transfer, type TransferParts } from "./transfer.ts";

/** All that a node does with copies because the ring changes: gets them, says how far it is, gives them away. */
export type RingTransfersParts = Omit<TransferParts, "dropsSettled"> &
  MisplacedCopiesParts &
  Omit<ChangeDriverParts, "calls" | "equalWith"> & { readonly control: ChangeDriverParts["calls"] };

export class RingTransfers {
  readonly #transfer: Transfer;
  readonly #misplaced: MisplacedCopies;
  readonly #driver: ChangeDriver;

  constructor(parts: RingTransfersParts) {
    this.#misplaced = new MisplacedCopies(parts);
    this.#transfer = new Transfer({ ...parts, dropsSettled: () => this.#misplaced.settled() });
    this.#driver = new ChangeDriver({
      ...parts,
      calls: parts.control,
      equalWith: (partition) => this.#transfer.equalWith(partition),
    });
  }

  /** To be called with each ring, and once at the start, when the ring is loaded. */
  ringChanged(): void {
    // What was compared for another change is forgotten before anybody is told of it.
    this.#transfer.ringChanged();
    this.#driver.ringChanged();
    this.#misplaced.ringChanged();
  }

  peerConnected(peer: NodeId): void {
    this.#transfer.peerConnected(peer);
    this.#misplaced.peerConnected(peer);
  }

  disconnected(peer: NodeId): void {
    this.#transfer.disconnected(peer);
  }

  /** Answers a message whose type starts with "transfer.". */
  handleControl(): ControlMessage {
    return this.#driver.handleControl();
  }

  /** What the next step of the change under way lacks (change-driver.ts). */
  lacks(): readonly Lack[] {
    return this.#driver.lacks();
  }

  /** For metrics: their number, of which nobody is told that it is watched. */
  get lackCount(): number {
    return this.#driver.lackCount;
  }

  misplaced(): MisplacedState {
    return this.#misplaced.state();
  }
}
