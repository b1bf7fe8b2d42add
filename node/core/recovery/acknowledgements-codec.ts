import { decodeUtf8, MalformedBytes } from "../bytes/byte-reader.ts";
import { parseNodeId } from "../node-id.ts";
import type { StorePoint } from "../ports/replica-store.ts";
import { Acknowledgements } from "./acknowledgements.ts";

/** The file of acknowledgements: JSON, for people with a disk on their table too. Nothing depends on its being there. */

export function encodeAcknowledgements(memory: Acknowledgements): Uint8Array {
  const nodes = Object.fromEntries(memory.nodes().map((node) => [node, memory.pointsOf(node)]));
  return new TextEncoder().encode(`${JSON.stringify({ version: 1, nodes })}\n`);
}

/** Undefined where the bytes are no such file: then nothing is remembered. */
export function decodeAcknowledgements(bytes: Uint8Array): Acknowledgements | undefined {
  try {
    const document: unknown = JSON.parse(decodeUtf8(bytes));
    if (!isObject(document) || document["version"] !== 1 || !isObject(document["nodes"])) return undefined;
    const memory = new Acknowledgements();
    for (const [node, points] of Object.entries(document["nodes"])) {
      const id = parseNodeId(node);
      for (const point of storePoints(points)) memory.acknowledged(id, point);
    }
    return memory;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof MalformedBytes || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

/** Those that are well-formed, at most 64: what a peer sends is checked like what a file holds. */
export function storePoints(value: unknown): StorePoint[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, POINTS_MAX).flatMap((point: unknown) => storePoint(point) ?? []);
}

export function storePoint(value: unknown): StorePoint | undefined {
  if (!isObject(value)) return undefined;
  const { storeId, runId, sequence } = value;
  if (!isId(storeId) || !isId(runId) || typeof sequence !== "number") return undefined;
  return Number.isSafeInteger(sequence) && sequence >= 0 ? { storeId, runId, sequence } : undefined;
}

const POINTS_MAX = 64;
const ID = /^[0-9a-f]{16}$/;

function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
