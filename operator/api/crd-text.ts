import { writeFileSync } from "node:fs";
import { dump } from "js-yaml";
import { customResourceDefinition } from "./v1alpha1/custom-resource-definition.ts";

/**
 * Writes the CRD as text, for people and for kubectl, and once more into the chart, which cannot read files outside
 * of itself. Run by `npm run crds`; a test compares the texts with what the code says.
 */
const HEADER = "# Made of operator/api by `npm run crds`; do not edit.\n";

export const CRD_FILES = ["crds/dynamoclusters.yaml", "charts/dynamokv/files/dynamoclusters.yaml"] as const;

export function crdText(): string {
  return HEADER + dump(customResourceDefinition, { lineWidth: 120, noRefs: true });
}

export function writeCrds(root: URL): void {
  for (const file of CRD_FILES) writeFileSync(new URL(file, root), crdText());
}
