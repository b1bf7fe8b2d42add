import fc from "fast-check";
import type { SealedRow } from "../../../../../node/core/seal/sealed-record.ts";
import { emptyCoverage, withDot } from "../../../../../node/core/version/coverage.ts";
import type { ActorId } from "../../../../../node/core/version/dot.ts";

const dot = fc
  .record({ actor: fc.nat(5), n: fc.integer({ min: 1, max: 9 }) })
  .map(({ actor, n }) => ({ actor: `${actor.toString(16).padStart(16, "0")}#1` as ActorId, n }));
const name = fc.uint8Array({ maxLength: 40 });

export const sealedRow: fc.Arbitrary<SealedRow> = fc.record({
  position: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  bucket: name,
  key: name,
  coverage: fc.array(dot, { maxLength: 8 }).map((dots) => dots.reduce(withDot, emptyCoverage)),
  siblings: fc.array(fc.record({ dot, tombstone: fc.boolean() }), { maxLength: 4 }),
});
