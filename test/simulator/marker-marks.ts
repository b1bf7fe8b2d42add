import { isMarker } from "../../node/core/storage/marker-hint.ts";
import type { CoverageMarks } from "./coverage-marks.ts";
import type { Changes } from "./world/simulated-disk.ts";
import type { SimulatedHost } from "./world/simulated-host.ts";

/** Of what a commit of hints.db changes; to be called before the rows are in the file. */
export function markMarkers({ disk }: SimulatedHost, changes: Changes, marks: CoverageMarks): void {
  for (const [place, row] of changes) {
    const before = disk.hints.rows.get(place);
    if (row !== undefined && isMarker(row)) marks.hit("marker stored");
    if (row === undefined && before !== undefined && isMarker(before)) marks.hit("marker removed");
  }
}
