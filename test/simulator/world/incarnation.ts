import type { NodeId } from "../../../node/core/node-id.ts";
import type { EventOwner } from "./event-loop.ts";

/**
 * One life of a node's process. Everything that the process set in motion belongs to it: once it is dead its timers,
 * messages and promises never fire again, and the next life is a new object over the same disk.
 */
export class Incarnation implements EventOwner {
  readonly nodeId: NodeId;
  /** Counts the lives of this node from 1. */
  readonly number: number;
  alive = true;
  pausedUntilMs = 0;

  constructor(nodeId: NodeId, number: number) {
    this.nodeId = nodeId;
    this.number = number;
  }
}
