/** The operator's reference knows every word that a user may meet. Those of unions are read off the sources. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { specSchema } from "../../operator/api/v1alpha1/spec-schema.ts";
import { projectRoot } from "./source-tree.ts";

const page = text("docs/OPERATOR.md");

function text(path: string): string {
  return readFileSync(join(projectRoot(), path), "utf8");
}

/** The alternatives of `type NAME = "a" | "b"` in a file. */
function wordsOf(path: string, name: string): string[] {
  const union = new RegExp(`type ${name} =([^;]+);`).exec(text(path))?.[1] ?? "";
  return [...union.matchAll(/"(\w+)"/g)].map(([, word]) => word!);
}

function missing(words: readonly string[]): string[] {
  return words.filter((word) => !new RegExp(`\`(?:[a-z]+)?\\.?${word}\``).test(page));
}

interface AnySchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, AnySchema>>;
}

/** Names of the fields that have none below them. */
function leaves({ properties = {} }: AnySchema): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const below = leaves(field);
    return below.length > 0 && name !== "resources" ? below : [name];
  });
}

describe("tidy: docs/OPERATOR.md", () => {
  it("has every field of the spec", () => {
    expect(missing(leaves(specSchema))).to.deep.equal([]);
  });

  it("has every phase", () => {
    const phases = wordsOf("operator/status/cluster-status.ts", "Phase");
    expect(phases).to.have.length.above(5);
    expect(missing(phases)).to.deep.equal([]);
  });

  it("has every condition and each of its reasons", () => {
    const types = wordsOf("operator/status/conditions.ts", "ConditionType");
    expect(types).to.have.length.above(8);
    const judgements = text("operator/status/conditions.ts").matchAll(/\b(?:yes|no)\(\s*"(\w+)",\s*"(\w+)"/g);
    const reasons = [...judgements].map(([, , reason]) => reason!);
    const failures = wordsOf("operator/status/failure.ts", "FailureReason");
    const waits = wordsOf("operator/plan/step.ts", "WaitReason").filter((reason) => reason !== "Paused");
    expect(reasons).to.have.length.above(15);
    expect(waits).to.have.length.above(2);
    expect(
      missing([...types, ...reasons, ...failures, ...waits.map((reason) => `Waiting${reason}`)]),
    ).to.deep.equal([]);
  });

  it("has every event", () => {
    const events = wordsOf("operator/status/cluster-events.ts", "EventReason");
    expect(events).to.have.length.above(10);
    expect(missing(events)).to.deep.equal([]);
  });
});
