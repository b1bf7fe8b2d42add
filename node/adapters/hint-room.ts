import { statfs } from "node:fs/promises";

/**
 * How many bytes a node may keep for owners that are away where nobody has said: no more than a quarter of its volume,
 * so that an absence ends in refused hints, which other stand-ins take, and not in a node that takes no writes of its own.
 */
export function hintRoom(volumeBytes: number, bytesMax: number): number {
  return Math.min(bytesMax, Math.max(1, Math.floor(volumeBytes / VOLUME_PARTS)));
}

/** The same for the volume under `directory`; `bytesMax` where it cannot be asked. */
export async function hintRoomIn(directory: string, bytesMax: number): Promise<number> {
  try {
    const { blocks, bsize } = await statfs(directory);
    return hintRoom(blocks * bsize, bytesMax);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return bytesMax;
  }
}

const VOLUME_PARTS = 4;
