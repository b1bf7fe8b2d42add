import { directionsOf } from "../antientropy/row-directions.ts";
import { pushRecords, type RecordMovesParts } from "../antientropy/record-moves.ts";
import { RowComparison } from "../antientropy/row-pages.ts";
import type { PeerQuestions } from "../antientropy/peer-questions.ts";
import { POSITIONS_MAX } from "../antientropy/exchange-questions.ts";
import { leafOf } from "../merkle/leaf.ts";
import type { RowDigest } from "../ports/merkle-store.ts";
import { compareBytes } from "../version/record.ts";
import type { PageTaken } from "./droppable-rows.ts";

/** Rows of this node's, ascending, that lie side by side: `after` < the first, and no other row between that and the last. */
export interface MisplacedPage {
  readonly rows: readonly RowDigest[];
  readonly after: Uint8Array | undefined;
}

export interface PageParts extends RecordMovesParts {
  /** Told of a row of this node's that failed its check. */
  readonly onCorrupt: (position: Uint8Array) => void;
}

/**
 * Gives an owner what it lacks of a page and asks for nothing in return: what it has more is none of this node's business.
 * Rows of which it has the same digest, or all versions, do not travel. A row that no reader of this node's can read is
 * reported, and nothing can be handed over of it.
 *
 * Throws ExchangeStopped where the owner cannot be given all of it now.
 */
export async function givePage(
  { rows, after }: MisplacedPage,
  questions: PeerQuestions,
  parts: PageParts,
): Promise<PageTaken> {
  const leaves = [...new Set(rows.map(({ position }) => leafOf(position)))];
  const comparison = new RowComparison(
    () => Promise.resolve({ rows, next: undefined }),
    (cursor) => questions.ask({ kind: "rows", leaves, after: cursor ?? after }),
  );
  const refused: Uint8Array[] = [];
  const unread: Uint8Array[] = [];
  for (;;) {
    const differing = await comparison.next(POSITIONS_MAX);
    const onBoth = differing.flatMap(({ side, position }) => (side === "both" ? [position] : []));
    const { directions, ownUnreadable } = await directionsOf(onBoth, questions, parts.merkle);
    const lacking = differing.flatMap(({ side, position }) => (side === "ours" ? [position] : []));
    lacking.push(...onBoth.filter((_, index) => directions[index] !== "pull"));
    const pushed = await pushRecords(lacking.sort(compareBytes), questions, parts);
    for (const position of [...ownUnreadable, ...pushed.corrupt]) parts.onCorrupt(position);
    unread.push(...ownUnreadable, ...pushed.corrupt, ...pushed.absent);
    refused.push(...pushed.refused);
    if (differing.length < POSITIONS_MAX) return { refused, unread };
  }
}
