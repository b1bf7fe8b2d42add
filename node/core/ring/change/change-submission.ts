import type { Ring } from "../ring.ts";

/** What a node makes of a submitted change before it plans or proposes anything; a submission may come twice. */
export type SubmissionAnswer =
  /** Nothing is in its way: plan it and propose its begin. */
  | { readonly kind: "begin" }
  /** It has begun: an earlier submission got through. */
  | { readonly kind: "under_way" }
  /** 409 with the ring: whoever submitted decides anew on what there is now. */
  | { readonly kind: "conflict"; readonly message: string };

/** `epoch`: the ring that whoever asks has seen. Without it a change that has ended could be begun a second time. */
export function answerSubmission(
  ring: Pick<Ring, "epoch" | "change">,
  { changeId, epoch }: { changeId: string; epoch: number },
): SubmissionAnswer {
  if (ring.change?.changeId === changeId) return { kind: "under_way" };
  if (ring.change !== null) {
    return conflict(
      `change ${ring.change.changeId} (${ring.change.type}) is under way; one change at a time`,
    );
  }
  if (ring.epoch !== epoch)
    return conflict(
      `change ${changeId} was asked for at epoch ${epoch}, the ring is at ${ring.epoch}: look at it again`,
    );
  return { kind: "begin" };
}

function conflict(message: string): SubmissionAnswer {
  return { kind: "conflict", message };
}
