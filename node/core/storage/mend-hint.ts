import type { StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import { type HintPlace, NO_OWNER } from "../ports/hint-store.ts";
import { owedRecord } from "./owed-record.ts";

/**
 * What becomes of a hint that a reader found rotten. The writer may still have the page whole in its memory: then the
 * row is written anew and nothing is lost. Else there is nothing to deliver: the owner is struck off, so that the row
 * neither blocks nor is counted for ever, and the handoff lets the owners compare what they have (hint-losses.ts).
 */
export interface MendedHint {
  /** Undefined where nobody waits any more. */
  readonly after: StoredRow | undefined;
  readonly isLost: boolean;
}

/** @param own what data.db holds at the place */
export function mendedHint(
  row: StoredRow,
  own: StoredRow | undefined,
  { owner }: HintPlace,
  hash: Digester,
): MendedHint {
  const isRotten = row.keptFor.length === 0 || owedRecord(row, own, hash).state === "corrupt";
  if (!isRotten) return { after: row, isLost: false };
  const keptFor = owner === NO_OWNER ? [] : row.keptFor.filter((other) => other !== owner);
  return { after: keptFor.length === 0 ? undefined : { ...row, keptFor }, isLost: true };
}
