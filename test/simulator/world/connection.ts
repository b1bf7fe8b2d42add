import type { NodeId } from "../../../node/core/node-id.ts";
import type { Lane } from "../../../node/core/ports/transport.ts";
import type { Incarnation } from "./incarnation.ts";

/** One end of a connection, as the process at that end believes it to be. */
export interface Side {
  readonly incarnation: Incarnation;
  /** From its "connected" event to its "disconnected" event. */
  open: boolean;
  /** Told to close, the event has not come yet. */
  closing: boolean;
}

/** What is under way in one direction of one lane. */
export interface Flow {
  bytes: number;
  /** Datagrams that are still counted in `bytes`, in the order in which they leave. */
  readonly leaving: { readonly atMs: number; readonly bytes: number }[];
  lastArrivalMs: number;
  /** Waits for the netsplit to end: TCP sends it again, unless the connection breaks first. */
  held: Uint8Array[];
}

/** A connection between two lives of two nodes. Messages die with it; the two ends learn of that separately. */
export class Connection {
  readonly sides: ReadonlyMap<NodeId, Side>;
  /** Nothing new is delivered, both ends are being told. */
  broken = false;
  readonly #flows = new Map<NodeId, Map<Lane, Flow>>();

  constructor(left: Incarnation, right: Incarnation) {
    this.sides = new Map([left, right].map((incarnation) => [incarnation.nodeId, newSide(incarnation)]));
  }

  side(node: NodeId): Side {
    return this.sides.get(node)!;
  }

  flow(to: NodeId, lane: Lane): Flow {
    let lanes = this.#flows.get(to);
    if (lanes === undefined) this.#flows.set(to, (lanes = new Map()));
    let flow = lanes.get(lane);
    if (flow === undefined) {
      flow = { bytes: 0, leaving: [], lastArrivalMs: 0, held: [] };
      lanes.set(lane, flow);
    }
    return flow;
  }

  /** True once neither end can use it any more. */
  get over(): boolean {
    return this.broken && [...this.sides.values()].every((side) => !side.open || !side.incarnation.alive);
  }
}

function newSide(incarnation: Incarnation): Side {
  return { incarnation, open: false, closing: false };
}
