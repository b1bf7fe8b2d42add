import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import { load } from "js-yaml";

import { CRD_FILES, crdText } from "../../../../operator/api/crd-text.ts";
import { customResourceDefinition } from "../../../../operator/api/v1alpha1/custom-resource-definition.ts";

describe("the text of the CRD", () => {
  for (const file of CRD_FILES) {
    it(`is in ${file} as the schemas say; else run \`npm run crds\``, () => {
      // From dist/test/unit/operator/api.
      const path = fileURLToPath(new URL(`../../../../../${file}`, import.meta.url));
      expect(readFileSync(path, "utf8")).to.equal(crdText());
    });
  }

  it("means what the schemas mean", () => {
    expect(load(crdText())).to.deep.equal(customResourceDefinition);
  });

  it("fits into the annotation that kubectl apply keeps", () => {
    expect(Buffer.byteLength(crdText())).to.be.below(256 * 1024);
  });
});
